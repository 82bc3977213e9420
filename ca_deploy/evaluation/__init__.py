"""Run models on photos and compare their outputs: the verbs ``parity`` and ``evaluate``."""
