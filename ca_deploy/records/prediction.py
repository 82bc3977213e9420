"""What a model says of a photo, by task: labels, boxes, areas, or the plain values."""

from collections.abc import Mapping

from ca_deploy.records.record import record


@record
class FoundLabel:
    """A class of the whole photo, and its probability."""

    label: str
    score: float


@record
class FoundBox:
    """An object: its class, its score, and its box in pixels of the photo."""

    label: str
    score: float
    left: float
    top: float
    right: float
    bottom: float


@record
class FoundArea:
    """A class of some of the pixels, ``number`` in the model's order, and its share of those that the model saw."""

    label: str
    number: int
    percent: float


@record
class Prediction:
    """The answer to one photo, of ``width`` times ``height`` pixels, upright.

    ``labels`` and ``boxes`` are sorted by score, ``areas`` by size. ``values`` are the outputs by name, flat, of a
    model whose task has none of these.
    """

    photo: str
    width: int
    height: int
    labels: tuple[FoundLabel, ...] = ()
    boxes: tuple[FoundBox, ...] = ()
    areas: tuple[FoundArea, ...] = ()
    values: Mapping[str, tuple[float, ...]] | None = None


@record
class PredictionReport:
    """What ``model`` says of photos; ``unreadable`` are those of folders that were left out, each with the reason."""

    model: str
    runtime: str
    task: str
    predictions: tuple[Prediction, ...]
    unreadable: tuple[str, ...] = ()
