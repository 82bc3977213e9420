"""Accuracy reports: a model on labelled photos."""

import dataclasses
from collections.abc import Mapping

from ca_deploy.records.record import record


@record
class Confusion:
    """``count`` photos of class ``truth`` were classified as ``answer``."""

    truth: str
    answer: str
    count: int


@record
class PairedReport:
    """The model compared with another one on the same photos.

    ``p_value`` is the exact two-sided p-value of McNemar's test; ``top1_difference`` is in percentage points, model
    minus other; ``agreement`` is in percent, None where the task does not define it; ``sqnr_db`` has the outputs of the
    other as reference, and is None where the outputs are equal. ``against_figures`` are the other's metrics.
    """

    against: str
    against_top1: float
    top1_difference: float
    both_right: int
    only_model_right: int
    only_other_right: int
    both_wrong: int
    p_value: float
    agreement: float | None
    sqnr_db: float | None
    against_figures: Mapping[str, float] = dataclasses.field(default_factory=dict)


@record
class AccuracyReport:
    """Accuracy in percent over ``images`` photos; ``confusions`` are sorted by frequency, highest first.

    ``top1`` is the percentage of photos with nothing wrong, ``figures`` are all metrics of the task by name; ``top5``
    is None where the task does not define it. ``top1_by_class`` is the task's main metric of each class. ``right_name``
    is what the task calls ``top1``, and ``by_class_name`` the metric of each class, where it is to be printed.
    ``command_line`` is the command as it was typed; that of a sweep is the one that makes the same report.
    """

    model: str
    runtime: str
    data: str
    images: int
    top1: float
    top5: float | None
    top1_by_class: Mapping[str, float]
    confusions: tuple[Confusion, ...]
    unreadable: tuple[str, ...]
    figures: Mapping[str, float]
    task: str
    paired: PairedReport | None = None
    right_name: str = "top-1"
    by_class_name: str = ""
    command_line: tuple[str, ...] = ()
