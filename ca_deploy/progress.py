"""Progress callbacks: the caller of a slow function decides whether and how to show its progress."""

from collections.abc import Callable

# (done, total)
Progress = Callable[[int, int], None]
# (what is being done, in a few words)
Step = Callable[[str], None]
# (recipe or target, what is being done with it)
NamedStep = Callable[[str, str], None]


def silent(done: int, total: int) -> None:
    """Shows no progress."""


def no_step(doing: str) -> None:
    """Shows no step."""


def no_named_step(name: str, doing: str) -> None:
    """Shows no step."""
