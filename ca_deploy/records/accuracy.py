"""How right a model's answers are on labelled photos."""

from collections.abc import Mapping

from ca_deploy.records.record import record


@record
class Confusion:
    """``count`` photos of class ``truth`` were taken for ``answer``."""

    truth: str
    answer: str
    count: int


@record
class PairedReport:
    """The model against another one on the same photos.

    ``p_value`` is McNemar's, exact and two-sided; ``top1_difference`` is in percentage points, model minus other;
    ``agreement`` in percent (None where the task has no such thing); ``sqnr_db`` of the model's outputs, with the
    other's as reference (None: equal).
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


@record
class AccuracyReport:
    """What is right, in percent, over ``images`` photos; ``confusions`` from the most frequent down.

    ``top1`` is the share of photos answered right, ``figures`` are all that the task measures, by name; ``top5`` is
    None where the task has no such figure.
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
