"""The runner, the C program that measures on devices, and what it needs there."""
