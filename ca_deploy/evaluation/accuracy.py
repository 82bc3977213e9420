"""Accuracy of any model on labelled photos, alone or paired with another, by the scoring of its task."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from ca_deploy.data.bit_depth import BitDepth, bit_depth
from ca_deploy.data.images import open_rgb
from ca_deploy.data.labelled import LabelledPhotos
from ca_deploy.errors import ImageDataError, UsageError
from ca_deploy.evaluation import metrics
from ca_deploy.evaluation.parity import in_order
from ca_deploy.evaluation.predictor import Outputs, Predictor, answers_to_photo
from ca_deploy.progress import Progress, silent
from ca_deploy.records.accuracy import AccuracyReport, Confusion, PairedReport
from ca_deploy.tasks import Score, Scoring, find_task, task_names


def scoring_of(model: Predictor) -> Scoring:
    """How the model's answers are scored on labelled photos.

    Raises:
        UsageError: the model takes something else, or its task cannot be evaluated.
    """
    model.signature.photo_or_refuse(f"{model.name}: evaluating on labelled photos")
    if model.task.scoring is None:
        tasks = [task for task in map(find_task, task_names()) if task.scoring and not task.unfit(model.signature)]
        able = ", ".join(task.name for task in tasks)
        other = (
            f"If it has another task, name it with --task ({able})." if able else "No task that can fits its outputs."
        )
        raise UsageError(f"{model.name}: the task {model.task.name!r} cannot be evaluated on labelled photos. {other}")
    return model.task.scoring


@dataclass(slots=True)
class Answered:
    """What scoring needs of the answers to some photos, one entry per photo that could be read, in their order.

    ``of_other`` and ``differences`` are those of a second model on the same photos.
    """

    kept: list[Any] = field(default_factory=list)
    of_other: list[Any] = field(default_factory=list)
    differences: "list[_Difference]" = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def extend(self, following: "Answered") -> None:
        """Add the photos that follow."""
        for one in fields(self):
            getattr(self, one.name).extend(getattr(following, one.name))


def evaluate_predictor(
    model: Predictor, photos: LabelledPhotos[Any], against: Predictor | None = None, progress: Progress = silent
) -> AccuracyReport:
    """The metrics of the model's task; with ``against``, also the paired difference.

    Raises:
        ImageDataError: no photo can be read, or the outputs do not match the truth.
        UsageError: the task cannot be evaluated on labelled photos.
    """
    found = answered(model, photos, range(len(photos.paths)), bit_depth(photos.paths), against, progress)
    return report_on(model, photos, found, against)


def answered(
    model: Predictor,
    photos: LabelledPhotos[Any],
    rows: range,
    depth: BitDepth,
    against: Predictor | None = None,
    progress: Progress = silent,
) -> Answered:
    """The answers to the photos with these numbers; ``depth`` is that of all of them.

    Raises:
        ImageDataError: the outputs do not match the truth.
        UsageError: the task cannot be evaluated on labelled photos.
    """
    scoring, others = scoring_of(model), scoring_of(against) if against else None
    found = Answered()
    for number, row in enumerate(rows):
        path, truth = photos.paths[row], photos.truth[row]
        progress(number + 1, len(rows))
        try:
            image = open_rgb(path, depth)
        except ImageDataError as error:
            found.unreadable.append(str(error))
            continue
        answers = answers_to_photo(model, image)
        found.kept.append(scoring.kept(answers, truth, image.size))
        if against is not None and others is not None:
            compared = answers_to_photo(against, image)
            found.of_other.append(others.kept(compared, truth, image.size))
            found.differences.append(_difference(model, against.name, compared, answers))
    return found


def report_on(
    model: Predictor, photos: LabelledPhotos[Any], found: Answered, against: Predictor | None = None
) -> AccuracyReport:
    """The metrics of the answers to all photos.

    Raises:
        ImageDataError: no photo could be read.
    """
    if not found.kept:
        raise ImageDataError(f"None of the photos in {photos.root} can be read:", f"  {found.unreadable[0]}")
    score = scoring_of(model).score(found.kept, photos.labels)
    paired = None
    if against is not None:
        other = scoring_of(against).score(found.of_other, photos.labels)
        paired = _paired(score, against.name, other, found.differences)
    return AccuracyReport(
        model=model.name,
        runtime=model.session.runtime,
        data=str(photos.root),
        images=len(found.kept),
        top1=float(100 * score.right.mean()),
        top5=score.figures.get("top5"),
        top1_by_class=score.by_class,
        confusions=tuple(Confusion(*pair, count) for pair, count in Counter(score.confusions).most_common()),
        unreadable=tuple(found.unreadable),
        paired=paired,
        task=model.task.name,
        figures=score.figures,
        right_name=model.task.right_name,
        by_class_name=score.by_class_name,
    )


@dataclass(frozen=True, slots=True)
class _Difference:
    """Of the outputs of two models on a photo: the power of the second's and that of the difference, by output, and
    where the answers agree."""

    powers: dict[str, tuple[float, float]]
    agreement: list[float]


def _difference(model: Predictor, reference_name: str, reference: Outputs, found: Outputs) -> _Difference:
    reference = in_order(model, reference_name, reference, found)
    agreement = model.task.agrees(reference, found).tolist() if model.task.agrees else []
    if model.task.aligned:
        reference, found = ({**one} for one in model.task.aligned(reference, found))
    powers = {name: metrics.powers(values, found[name]) for name, values in reference.items()}
    return _Difference(powers, agreement)


def _sqnr_db(differences: Sequence[_Difference]) -> float | None:
    """Of the worst output over all photos; None where nothing differs."""
    signal: defaultdict[str, float] = defaultdict(float)
    noise: defaultdict[str, float] = defaultdict(float)
    for one in differences:
        for name, (power, error) in one.powers.items():
            signal[name] += power
            noise[name] += error
    lowest = min(metrics.decibels(signal[name], noise[name]) for name in signal)
    return lowest if np.isfinite(lowest) else None


def _paired(score: Score, other_name: str, other: Score, differences: Sequence[_Difference]) -> PairedReport:
    first, second = score.right, other.right
    agreement = [agrees for one in differences for agrees in one.agreement]
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    return PairedReport(
        against=other_name,
        against_top1=float(100 * second.mean()),
        top1_difference=float(100 * first.mean() - 100 * second.mean()),
        both_right=int((first & second).sum()),
        only_model_right=only_first,
        only_other_right=only_second,
        both_wrong=int((~first & ~second).sum()),
        p_value=metrics.mcnemar_p(only_first, only_second),
        agreement=float(100 * np.mean(agreement)) if agreement else None,
        sqnr_db=_sqnr_db(differences),
        against_figures=other.figures,
    )
