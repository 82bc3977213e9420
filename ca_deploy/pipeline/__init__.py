"""From a network to verified files: the verb ``export``."""
