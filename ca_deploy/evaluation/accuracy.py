"""Accuracy of any model on labelled photos, alone or paired with another, by the scoring of its task."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ca_deploy.data.bit_depth import bit_depth
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


def evaluate_predictor(
    model: Predictor, photos: LabelledPhotos[Any], against: Predictor | None = None, progress: Progress = silent
) -> AccuracyReport:
    """The metrics of the model's task; with ``against``, also the paired difference.

    Raises:
        ImageDataError: no photo can be read, or the outputs do not match the truth.
        UsageError: the task cannot be evaluated on labelled photos.
    """
    scoring, others = scoring_of(model), scoring_of(against) if against else None
    kept, kept_of_other, unreadable = [], [], []
    difference = _Difference()
    depth = bit_depth(photos.paths)
    for number, (path, truth) in enumerate(zip(photos.paths, photos.truth, strict=True)):
        progress(number + 1, len(photos.paths))
        try:
            image = open_rgb(path, depth)
        except ImageDataError as error:
            unreadable.append(str(error))
            continue
        answers = answers_to_photo(model, image)
        kept.append(scoring.kept(answers, truth, image.size))
        if against is not None and others is not None:
            compared = answers_to_photo(against, image)
            kept_of_other.append(others.kept(compared, truth, image.size))
            difference.add(model, against.name, compared, answers)
    if not kept:
        raise ImageDataError(f"None of the photos in {photos.root} can be read:", f"  {unreadable[0]}")
    score = scoring.score(kept, photos.labels)
    paired = None
    if against is not None and others is not None:
        paired = _paired(score, against.name, others.score(kept_of_other, photos.labels), difference)
    return AccuracyReport(
        model=model.name,
        runtime=model.session.runtime,
        data=str(photos.root),
        images=len(kept),
        top1=float(100 * score.right.mean()),
        top5=score.figures.get("top5"),
        top1_by_class=score.by_class,
        confusions=tuple(Confusion(*pair, count) for pair, count in Counter(score.confusions).most_common()),
        unreadable=tuple(unreadable),
        paired=paired,
        task=model.task.name,
        figures=score.figures,
        right_name=model.task.right_name,
        by_class_name=score.by_class_name,
    )


@dataclass(slots=True)
class _Difference:
    """Of the outputs of two models on the same photos, photo by photo: the power of the second's, that of the
    difference, by output, and where the answers agree."""

    signal: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    noise: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    agreement: list[float] = field(default_factory=list)

    def add(self, model: Predictor, reference_name: str, reference: Outputs, found: Outputs) -> None:
        reference = in_order(model, reference_name, reference, found)
        for name, values in reference.items():
            signal, noise = metrics.powers(values, found[name])
            self.signal[name] += signal
            self.noise[name] += noise
        if model.task.agrees:
            self.agreement += model.task.agrees(reference, found).tolist()

    @property
    def sqnr_db(self) -> float | None:
        lowest = min(metrics.decibels(self.signal[name], self.noise[name]) for name in self.signal)
        return lowest if np.isfinite(lowest) else None


def _paired(score: Score, other_name: str, other: Score, difference: _Difference) -> PairedReport:
    first, second = score.right, other.right
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
        agreement=float(100 * np.mean(difference.agreement)) if difference.agreement else None,
        sqnr_db=difference.sqnr_db,
        against_figures=other.figures,
    )
