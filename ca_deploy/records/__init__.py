"""Frozen data that becomes JSON: what a verb is asked and what it found."""
