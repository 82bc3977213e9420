"""Seeded damage to every kind of file that ca-deploy reads: each is read, or refused with one message."""
