"""Where the operators of a file run: the command ``check``."""
