"""Tasks: the meaning of a network's output. Each module here is one task; its ``TASK`` describes it.

A task defines when two outputs agree, how outputs are scored, and what a snippet prints. A network of unknown task has
the task ``tensors``: it can be exported, compared number by number, checked and profiled.
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
    """Outputs ``(N, …)`` compared with the truth. ``right (N,)`` marks the correct ones, ``figures`` are in percent.

    ``classes (N,)`` are the predicted classes, from which confusions are counted; None for a task without classes.
    """

    right: "NDArray[np.bool_]"
    figures: Mapping[str, float]
    classes: "NDArray[np.int64] | None" = None


@dataclass(frozen=True, slots=True)
class Task:
    """One meaning of an output.

    ``is_likely`` decides from the shape of one output (without the batch) whether a network without a named task has
    this one. ``agreement`` returns the percentage of images on which two arrays of outputs ``(N, …)`` agree; None where
    the task does not define it. ``score`` compares outputs with the indices of the true classes ``(N,)``, given the
    names of all classes, and raises ``ImageDataError`` for outputs that do not match the classes; None where the task
    cannot be evaluated on labelled photos. ``python`` is the main part of a snippet: lines that call
    ``run(preprocess(photo))`` and print. ``headline`` is what a snippet does, to go before "with net.onnx"; ``output``
    is a sentence on what its ``run`` returns, and ``class_name`` its class in Kotlin and Swift. ``agreement_name`` and
    ``right_name`` are what reports call the results of ``agreement`` and the share of ``Score.right``.
    """

    name: str
    description: str
    is_likely: "Callable[[Sequence[int]], bool]"
    headline: str
    output: str
    python: tuple[str, ...]
    class_name: str = "Network"
    agreement_name: str = "agreement"
    right_name: str = "right"
    agreement: "Callable[[NDArray[np.float32], NDArray[np.float32]], float] | None" = None
    score: "Callable[[NDArray[np.float32], NDArray[np.int64], Sequence[str]], Score] | None" = None


def task_names() -> list[str]:
    return names_in(__path__)


def find_task(name: str) -> Task:
    """The task of that name.

    Raises:
        UsageError: there is none; the message suggests the closest.
    """
    found: Task = member(__name__, "TASK", "task", name, "ca-deploy list tasks")
    return found


def task_of(name: str | None, answer: Sequence[int]) -> Task:
    """The named task, or the first that is likely for an output of this shape (without the batch).

    Raises:
        UsageError: see :func:`find_task`.
    """
    if name is not None:
        return find_task(name)
    likely = (task for task in map(find_task, task_names()) if task.is_likely(answer))
    return next(likely, find_task(FALLBACK))
