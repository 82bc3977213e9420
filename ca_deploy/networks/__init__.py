"""Loads networks by name, factory or program, with their weights."""
