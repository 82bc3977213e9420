"""Reports -> terminal. Functions here print and compute nothing."""
