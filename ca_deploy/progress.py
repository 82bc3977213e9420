"""Progress is reported by calling; who shows it, and how, is for the caller to say."""

from collections.abc import Callable

# (done, total)
Progress = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Shows nothing."""
