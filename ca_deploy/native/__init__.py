"""The measuring program that runs on devices (``runner.c``), and what it needs there."""
