"""Photos in, answers out, and how far they are from others: the verbs ``parity`` and ``evaluate``."""
