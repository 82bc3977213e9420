"""Progress callbacks: the caller of a slow function decides whether and how to show its progress."""

from collections.abc import Callable

# (done, total)
Progress = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Shows nothing."""
