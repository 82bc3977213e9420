"""Accuracy of any model on labelled photos (an ImageFolder tree), alone or paired with another."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ca_deploy.data.bit_depth import bit_depth
from ca_deploy.data.class_folders import class_folders
from ca_deploy.data.folders import images_below
from ca_deploy.data.images import open_rgb
from ca_deploy.errors import ImageDataError, UsageError
from ca_deploy.evaluation import metrics
from ca_deploy.evaluation.parity import in_order
from ca_deploy.evaluation.predictor import Outputs, Predictor
from ca_deploy.progress import Progress, silent
from ca_deploy.records.accuracy import AccuracyReport, Confusion, PairedReport
from ca_deploy.records.samples import Samples
from ca_deploy.tasks import Score, find_task, task_names


@dataclass(frozen=True, slots=True)
class LabelledPhotos:
    """Photo files with their class indices in ``targets``, into ``labels``."""

    root: Path
    paths: tuple[Path, ...]
    targets: tuple[int, ...]
    labels: tuple[str, ...]


def labelled_photos(root: Path, labels: Sequence[str] | None) -> LabelledPhotos:
    """Read an ImageFolder tree, ``root/<class>/<photo>``.

    ``labels`` are the model's, in the order of its outputs; without them, the classes are the folders in sorted order,
    as in torchvision's ImageFolder.

    Raises:
        ImageDataError: ``root`` has no class folders, or a folder that is not one of the model's classes.
    """
    folders = class_folders(root)
    order = list(labels) if labels else folders
    strangers = sorted(set(folders) - set(order))
    if strangers:
        raise ImageDataError(
            f"Data folder {root} has classes that the model does not know: {', '.join(strangers[:8])}. "
            f"The model knows {', '.join(order[:12])}. Rename the folders, or pass --labels."
        )
    pairs = [(path, order.index(folder)) for folder in folders for path in images_below(root / folder).paths]
    return LabelledPhotos(root, tuple(path for path, _ in pairs), tuple(target for _, target in pairs), tuple(order))


def evaluate_predictor(
    model: Predictor, photos: LabelledPhotos, against: Predictor | None = None, progress: Progress = silent
) -> AccuracyReport:
    """The metrics of the model's task, and confusions; with ``against``, also the paired difference.

    Raises:
        ImageDataError: no photo can be read, or the outputs do not match the classes.
        UsageError: the task cannot be evaluated on labelled photos.
    """
    for one in filter(None, (model, against)):
        _refuse_unscored(one)
    outputs, others, targets, unreadable = [], [], [], []
    depth = bit_depth(photos.paths)
    for number, (path, target) in enumerate(zip(photos.paths, photos.targets, strict=True)):
        progress(number + 1, len(photos.paths))
        try:
            image = open_rgb(path, depth)
        except ImageDataError as error:
            unreadable.append(str(error))
            continue
        outputs.append(_answer(model, image))
        if against is not None:
            others.append(_answer(against, image))
        targets.append(target)
    if not outputs:
        raise ImageDataError(f"None of the photos in {photos.root} can be read:", f"  {unreadable[0]}")
    answers, truth, names = _stacked(outputs), np.array(targets), photos.labels
    score = _score(model, answers, truth, names)
    wrong: Counter[tuple[int, int]] = Counter()
    if score.classes is not None:
        wrong.update(zip(truth[~score.right].tolist(), score.classes[~score.right].tolist(), strict=True))
    return AccuracyReport(
        model=model.name,
        runtime=model.session.runtime,
        data=str(photos.root),
        images=len(truth),
        top1=_percent(score.right),
        top5=score.figures.get("top5"),
        top1_by_class={names[c]: _percent(score.right[truth == c]) for c in sorted(set(targets))},
        confusions=tuple(Confusion(names[t], names[a], count) for (t, a), count in wrong.most_common()),
        unreadable=tuple(unreadable),
        paired=_paired(model, answers, score, against, _stacked(others), truth, names) if against else None,
        task=model.task.name,
        figures=score.figures,
        right_name=model.task.right_name,
    )


def _score(model: Predictor, answers: Outputs, truth: NDArray[np.int64], labels: Sequence[str]) -> Score:
    assert model.task.score is not None  # refused before the first photo
    return model.task.score(answers, truth, labels)


def _refuse_unscored(model: Predictor) -> None:
    model.signature.photo_or_refuse(f"{model.name}: evaluating on labelled photos")
    if model.task.score is None:
        tasks = [task for task in map(find_task, task_names()) if task.score and not task.unfit(model.signature)]
        able = ", ".join(task.name for task in tasks)
        other = (
            f"If it has another task, name it with --task ({able})." if able else "No task that can fits its outputs."
        )
        raise UsageError(f"{model.name}: the task {model.task.name!r} cannot be evaluated on labelled photos. {other}")


def _answer(model: Predictor, image: Image.Image) -> Outputs:
    preprocessing = model.signature.photo_or_refuse(f"{model.name}: evaluating on labelled photos")
    (taken,) = model.signature.inputs
    return model.run(Samples({taken.name: preprocessing.to_pixels(image)[None]}, ("",)))


def _stacked(answers: Sequence[Outputs]) -> Outputs:
    """The answers to one photo each as one, ``(N, …)``."""
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def _paired(
    model: Predictor,
    answers: Outputs,
    score: Score,
    other: Predictor,
    others: Outputs,
    truth: NDArray[np.int64],
    labels: Sequence[str],
) -> PairedReport:
    first, second = score.right, _score(other, others, truth, labels).right
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    others = in_order(model, other.name, others, answers)
    sqnr = min(metrics.sqnr_db(others[name], answers[name]) for name in answers)
    return PairedReport(
        against=other.name,
        against_top1=_percent(second),
        top1_difference=_percent(first) - _percent(second),
        both_right=int((first & second).sum()),
        only_model_right=only_first,
        only_other_right=only_second,
        both_wrong=int((~first & ~second).sum()),
        p_value=metrics.mcnemar_p(only_first, only_second),
        agreement=float(100 * model.task.agrees(others, answers).mean()) if model.task.agrees else None,
        sqnr_db=sqnr if np.isfinite(sqnr) else None,
    )


def _percent(flags: NDArray[np.bool_]) -> float:
    return float(100 * flags.mean())
