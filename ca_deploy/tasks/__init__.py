"""Tasks: what a network's output means. One module here is one task; its ``TASK`` describes it.

A task says what the same answer is, how right an answer is, and what a snippet prints. A network whose task nobody
knows has ``tensors``: it is exported, compared number by number, checked and profiled all the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ca_deploy.plugins import member, names_in

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FALLBACK = "tensors"


@dataclass(frozen=True, slots=True)
class Score:
    """Answers ``(N, …)`` held against the truth. ``right (N,)`` says which are right, ``figures`` are in percent.

    ``classes (N,)`` are the classes answered, for a task that has such; of them confusions are counted.
    """

    right: "NDArray[np.bool_]"
    figures: Mapping[str, float]
    classes: "NDArray[np.int64] | None" = None


@dataclass(frozen=True, slots=True)
class Task:
    """One meaning of an output.

    ``is_likely`` says, of the shape of one answer (without the batch), whether a network without a named task has this
    one. ``agreement`` is the share, in percent, of inputs that two arrays of answers ``(N, …)`` answer alike; None
    where there is no such thing. ``score`` holds answers against the numbers of the true classes ``(N,)``, given the
    names of all classes; None where labelled photos do not apply; it raises ``ImageDataError`` for answers that do not
    fit the classes. ``python`` is the main part of a snippet: lines that ``run(preprocess(photo))``, and print.
    """

    name: str
    description: str
    is_likely: "Callable[[Sequence[int]], bool]"
    python: tuple[str, ...]
    agreement: "Callable[[NDArray[np.float32], NDArray[np.float32]], float] | None" = None
    score: "Callable[[NDArray[np.float32], NDArray[np.int64], Sequence[str]], Score] | None" = None


def task_names() -> list[str]:
    return names_in(__path__)


def find_task(name: str) -> Task:
    """The task of that name.

    Raises:
        UsageError: there is none; names the closest.
    """
    found: Task = member(__name__, "TASK", "task", name, "ca-deploy list tasks")
    return found


def task_of(name: str | None, answer: Sequence[int]) -> Task:
    """The named task, or else the first that is likely for an answer of this shape (without the batch).

    Raises:
        UsageError: see :func:`find_task`.
    """
    if name is not None:
        return find_task(name)
    likely = (task for task in map(find_task, task_names()) if task.is_likely(answer))
    return next(likely, find_task(FALLBACK))
