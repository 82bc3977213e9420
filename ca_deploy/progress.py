"""Progress callbacks: the caller of a slow function decides whether and how to show its progress."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counted:
    """One more of many alike in a step: ``doing`` says of what, as the step did that began it."""

    doing: str
    done: int
    total: int

    def __str__(self) -> str:
        return f"{self.doing} ({self.done} of {self.total})"


# (done, total)
Progress = Callable[[int, int], None]
# (what is being done, in a few words; or how far it is)
Step = Callable[[str | Counted], None]
# (recipe or target, what is being done with it)
NamedStep = Callable[[str, str | Counted], None]

DONE = "done"  # the last step of a recipe, or of what concerns all of them


def silent(done: int, total: int) -> None:
    """Shows no progress."""


def no_step(doing: str | Counted) -> None:
    """Shows no step."""


def no_named_step(name: str, doing: str | Counted) -> None:
    """Shows no step."""


def counting(step: Step, doing: str) -> Progress:
    """Begin a step that is counted; the result is called with (done, total)."""
    step(doing)
    return lambda done, total: step(Counted(doing, done, total))
