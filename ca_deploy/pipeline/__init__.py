"""Network -> verified files: the verb ``export``."""
