"""Child processes in Python: how they start, how they report, and what their libraries must not do."""
