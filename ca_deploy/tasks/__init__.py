"""Tasks: the meaning of a network's outputs. Each module here is one task; its ``TASK`` describes it.

A task defines when two answers agree, how answers are scored, and what a snippet prints. A network of unknown task has
the task ``tensors``: it can be exported, compared number by number, checked and profiled. Some tasks have variants,
named ``classification:sigmoid``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ca_deploy.errors import UsageError, unknown_name
from ca_deploy.plugins import member, names_in
from ca_deploy.records.prediction import FoundArea, FoundBox, FoundLabel
from ca_deploy.records.signature import NetworkOutput, Signature

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ca_deploy.data.labelled import LabelledPhotos

    # Outputs by name, each (N, …).
    Answers = Mapping[str, NDArray[np.float32]]

FALLBACK = "tensors"
Labels = Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Score:
    """Answers to N photos compared with the truth. ``right (N,)`` marks the photos with nothing wrong; ``figures``, the
    metrics of the task by name, and ``by_class``, the main one of each class, are in percent.

    ``by_class_name`` is what reports call ``by_class``; "" keeps it out of what is printed. ``confusions`` counts how
    often (a class, what it was taken for) was seen.
    """

    right: "NDArray[np.bool_]"
    figures: Mapping[str, float]
    by_class: Mapping[str, float] = field(default_factory=dict)
    by_class_name: str = ""
    confusions: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scoring:
    """How answers are scored on labelled photos.

    ``read`` reads the photos at a path with their truth, given the model's labels; ``layout`` says what lies there.
    ``kept`` makes of the answers to one photo, each ``(1, …)``, of its truth, and of its width and height in pixels,
    what ``score`` needs; ``score`` takes that of all photos and the names of all classes. Both raise ``ImageDataError``
    for answers that do not match the truth.
    """

    layout: str
    read: "Callable[[Path, Labels], LabelledPhotos[Any]]"
    kept: "Callable[[Answers, Any, tuple[int, int]], Any]"
    score: "Callable[[Sequence[Any], Sequence[str]], Score]"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a model says of one photo, as :class:`~ca_deploy.records.prediction.Prediction` records it.

    ``classes (H, W)`` are those of the photo's pixels, to draw; negative where the model did not see them.
    """

    labels: tuple[FoundLabel, ...] = ()
    boxes: tuple[FoundBox, ...] = ()
    areas: tuple[FoundArea, ...] = ()
    values: Mapping[str, tuple[float, ...]] | None = None
    classes: "NDArray[np.int64] | None" = None


@dataclass(frozen=True, slots=True)
class Head:
    """What a network may be wrapped in, so that its file gives answers nearer to what an app shows (``--head``).

    ``wrap`` is ``module:name`` of a function that takes the loaded :class:`~ca_deploy.networks.source.Network` and
    returns a module that takes the same tensors and gives the head's outputs, a dictionary where they are several; ""
    gives what the network itself does. It may raise ``ModelError`` for a network that it does not fit. ``finished``:
    a format that has ``task/head`` in ``Format.finishes`` converts the network itself, and adds the head with operators
    of its own; the module, which is what files are compared with, has the ``signature`` of what they give.
    ``output_name`` is what an only output is called; "" is the task's.
    """

    description: str
    wrap: str = ""
    finished: bool = False
    output_name: str = ""


@dataclass(frozen=True, slots=True)
class Ran:
    """What code in Kotlin or Swift has of a network that takes one photo.

    ``call`` runs it on ``photo``, and ``values`` has by the name of each output its flat array, where ``outputs`` is
    what that call gave. Real numbers are ``Float``; whole numbers may have any type.
    """

    call: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Task:
    """One meaning of a network's outputs.

    ``likely`` says why a network without a named task has this one, given its signature and labels, or "". ``unfit``
    says why a network cannot have this task, or "". ``compared`` makes of an output ``(N, …)`` what parity compares.
    ``agrees`` returns for each sample the share ``(N,)`` of its decisions in which two answers agree; None where the
    task has no decisions. ``like_scale``: the values of an output are in one unit and compete with each other.
    ``channel_axis`` is the axis along which the values of an output differ in kind; None where the values have to say.
    ``least_channel_sqnr_db`` is the least SQNR of a channel about its mean with which an answer is useful, whatever a
    recipe asks for.
    ``scoring`` is None where the task cannot be evaluated on labelled photos. ``python`` returns the main part of a
    snippet for one photo and one output: lines that call ``run(preprocess(photo))`` and print; ``python_functions``
    returns functions that they call, and then the lines serve several outputs too, of which ``run`` returns a
    dictionary. ``kotlin`` and ``swift`` return declarations that read the answers from the outputs for one photo, among
    them an extension of the class; "" where that is left to the app. They may call ``placement(photo)``, whose ``x``,
    ``y``, ``left`` and ``top`` are those of :meth:`Preprocessing.placement`, and use ``LABELS`` (Swift: ``labels``).
    ``headline`` is what a snippet does, to go before "with net.onnx"; ``output`` returns a sentence on what its ``run``
    returns, and ``class_name`` is its class in Kotlin and Swift. ``output_name`` is what the only output of a network
    is called that does not name it. ``agreement_name`` and ``right_name`` are what reports call the results of
    ``agrees`` and the share of ``Score.right``. ``one_class``: the only output has one value per class, of which one is
    right. ``variants`` are other readings of the same outputs, by the name after the colon; ``variant`` chooses one
    where none is named. ``class_count`` is how many classes labels name, where the outputs say that, and
    ``labels_hint`` whether the background is one of them. ``heads`` are what its networks can be wrapped in, by the
    name after ``--head``; without one, a file gives what the network does.
    ``bound`` returns the task for a signature that its answers depend on. ``aligned`` makes of two answers, whose parts
    are in an order of their own, values that belong to each other; what has no counterpart counts in ``agrees`` alone.
    ``seen`` says what the answers to one photo,
    each ``(1, …)``, mean, given its width and height in pixels; without it, the values are shown.
    """

    name: str
    description: str
    likely: "Callable[[Signature, Labels], str]"
    headline: str
    output: "Callable[[Signature], str]"
    python: "Callable[[Signature], tuple[str, ...]]"
    python_functions: "Callable[[Signature], str]" = lambda signature: ""
    kotlin: "Callable[[Signature, Ran], str]" = lambda signature, ran: ""
    swift: "Callable[[Signature, Ran], str]" = lambda signature, ran: ""
    unfit: "Callable[[Signature], str]" = lambda signature: ""
    class_name: str = "Network"
    output_name: str = "output"
    agreement_name: str = "agreement"
    right_name: str = "right"
    compared: "Callable[[NDArray[np.float32]], NDArray[np.float32]]" = lambda values: values
    agrees: "Callable[[Answers, Answers], NDArray[np.float64]] | None" = None
    like_scale: bool = False
    channel_axis: "Callable[[NetworkOutput], int | None]" = lambda given: None
    least_channel_sqnr_db: float = 0.0
    scoring: Scoring | None = None
    one_class: bool = False
    variants: "Mapping[str, Task]" = field(default_factory=dict)
    variant: "Callable[[Signature], str]" = lambda signature: ""
    class_count: "Callable[[Signature], int | None]" = lambda signature: None
    labels_hint: str = ""
    heads: "Mapping[str, Head]" = field(default_factory=dict)
    bound: "Callable[[Signature], Task] | None" = None
    aligned: "Callable[[Answers, Answers], tuple[Answers, Answers]] | None" = None
    seen: "Callable[[Answers, Signature, tuple[int, int], Labels], Seen] | None" = None


@dataclass(frozen=True, slots=True)
class Meaning:
    """The task of a network, and why it was chosen; "" where it was named."""

    task: Task
    reason: str = ""


def task_names() -> list[str]:
    return names_in(__path__)


def find_task(name: str) -> Task:
    """The task of that name, which may end in a variant, as ``classification:sigmoid``.

    Raises:
        UsageError: there is none; the message suggests the closest.
    """
    base, _, variant = name.partition(":")
    found: Task = member(__name__, "TASK", "task", base, "ca-deploy list tasks")
    if not variant:
        return found
    if variant not in found.variants:
        raise unknown_name(f"variant of task {base}", variant, found.variants or ("(it has none)",))
    return found.variants[variant]


def find_head(task: Task, name: str) -> Head:
    """The head of that name.

    Raises:
        UsageError: the task has none; the message lists those that it has, or the tasks that have it.
    """
    if name in task.heads:
        return task.heads[name]
    if task.heads:
        raise unknown_name(f"--head of task {task.name}", name, task.heads)
    others = [other for other in task_names() if name in find_task(other).heads]
    hint = f"Heads of that name belong to {' and '.join(others)}: name the task with --task." if others else "Drop it."
    raise UsageError(f"--head {name} is not possible: the task {task.name} has no heads. {hint}")


def heads() -> dict[str, Head]:
    """All heads, as ``task/head``."""
    found = {task: find_task(task).heads for task in task_names()}
    return {f"{task}/{name}": head for task, those in found.items() for name, head in those.items()}


def meaning_of(name: str | None, signature: Signature, labels: Labels = None) -> Meaning:
    """The named task, or the first that is likely for the signature and labels.

    Raises:
        UsageError: there is no such task, or the network cannot have it.
    """
    if name is not None:
        named = find_task(name)
        if reason := named.unfit(signature):
            fitting = [other for other in task_names() if not find_task(other).unfit(signature)]
            raise UsageError(f"--task {name} does not fit: {reason}. Possible here: {', '.join(fitting)}.")
        return Meaning(_read(named, signature))
    for task in map(find_task, task_names()):
        if reason := task.likely(signature, labels):
            return Meaning(_read(task, signature), reason)
    outputs = ", ".join(f"{output.name or 'its output'} {output.shape}" for output in signature.outputs)
    return Meaning(find_task(FALLBACK), f"nothing says what {outputs} means")


def _read(task: Task, signature: Signature) -> Task:
    variant = task.variant(signature)
    read = task.variants[variant] if variant else task
    return read.bound(signature) if read.bound else read
