"""Where the operators of a file run: the verb ``check``."""
