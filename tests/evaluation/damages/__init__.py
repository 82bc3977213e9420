"""Ways to damage an exported file, and whether parity notices: see ``benchmarks/damages.py``."""
