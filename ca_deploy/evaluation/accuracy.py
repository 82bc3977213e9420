"""Accuracy of any model on labelled photos (an ImageFolder tree), alone or paired with another."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ca_deploy.data.images import find_images, open_rgb
from ca_deploy.errors import ImageDataError
from ca_deploy.evaluation import metrics
from ca_deploy.evaluation.predictor import Predictor
from ca_deploy.progress import Progress, silent
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
    ``agreement`` in percent; ``sqnr_db`` of the model's outputs, with the other's as reference (None: equal).
    """

    against: str
    against_top1: float
    top1_difference: float
    both_right: int
    only_model_right: int
    only_other_right: int
    both_wrong: int
    p_value: float
    agreement: float
    sqnr_db: float | None


@record
class AccuracyReport:
    """Top-1 and top-5 in percent over ``images`` photos; ``confusions`` from the most frequent down."""

    model: str
    runtime: str
    data: str
    images: int
    top1: float
    top5: float
    top1_by_class: dict[str, float]
    confusions: tuple[Confusion, ...]
    unreadable: tuple[str, ...]
    paired: PairedReport | None = None


@dataclass(frozen=True, slots=True)
class LabelledPhotos:
    """Photo files and the number of the class that each belongs to."""

    root: Path
    paths: tuple[Path, ...]
    targets: tuple[int, ...]
    labels: tuple[str, ...]


def labelled_photos(root: Path, labels: Sequence[str] | None) -> LabelledPhotos:
    """Read an ImageFolder tree, ``root/<class>/<photo>``.

    ``labels`` are the model's, in the order of its outputs; without them the folders count in sorted order,
    as torchvision's ImageFolder does.

    Raises:
        ImageDataError: no tree of class folders, or folders that are none of the model's classes.
    """
    if not root.is_dir():
        raise ImageDataError(f"Data folder {root} does not exist. Pass a folder with one folder of photos a class.")
    folders = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not folders:
        raise ImageDataError(
            f"Data folder {root} holds no class folders. Arrange it as {root.name}/<class>/<photo>.jpg."
        )
    order = list(labels) if labels else folders
    strangers = sorted(set(folders) - set(order))
    if strangers:
        raise ImageDataError(
            f"Data folder {root} has classes that the model does not know: {', '.join(strangers[:8])}. "
            f"The model's are {', '.join(order[:12])}. Rename the folders, or pass --labels."
        )
    pairs = [(path, order.index(folder)) for folder in folders for path in find_images(root / folder)]
    return LabelledPhotos(root, tuple(path for path, _ in pairs), tuple(target for _, target in pairs), tuple(order))


def evaluate_predictor(
    model: Predictor, photos: LabelledPhotos, against: Predictor | None = None, progress: Progress = silent
) -> AccuracyReport:
    """Top-1, top-5 and confusions; with ``against`` also the paired difference.

    Raises:
        ImageDataError: none of the photos can be read.
    """
    outputs, others, targets, unreadable = [], [], [], []
    for number, (path, target) in enumerate(zip(photos.paths, photos.targets, strict=True)):
        progress(number + 1, len(photos.paths))
        try:
            image = open_rgb(path)
        except ImageDataError as error:
            unreadable.append(str(error))
            continue
        outputs.append(_answer(model, image))
        if against is not None:
            others.append(_answer(against, image))
        targets.append(target)
    if not outputs:
        raise ImageDataError(f"None of the photos in {photos.root} can be read:\n  {unreadable[0]}")
    logits, truth = np.stack(outputs), np.array(targets)
    if logits.ndim != 2 or logits.shape[1] != len(photos.labels):
        raise ImageDataError(
            f"{model.name} gives {logits.shape[1:]} an image, but {photos.root} has {len(photos.labels)} classes. "
            "Pass the model's class names, in its order, with --labels."
        )
    right = logits.argmax(1) == truth
    names = photos.labels
    wrong = Counter(zip(truth[~right].tolist(), logits.argmax(1)[~right].tolist(), strict=True))
    top5 = np.argsort(-logits, axis=1)[:, :5]
    return AccuracyReport(
        model=model.name,
        runtime=model.session.runtime,
        data=str(photos.root),
        images=len(truth),
        top1=_percent(right),
        top5=_percent((top5 == truth[:, None]).any(1)),
        top1_by_class={names[c]: _percent(right[truth == c]) for c in sorted(set(targets))},
        confusions=tuple(Confusion(names[t], names[a], count) for (t, a), count in wrong.most_common()),
        unreadable=tuple(unreadable),
        paired=_paired(logits, np.stack(others), truth, against.name) if against else None,
    )


def _answer(model: Predictor, image: Image.Image) -> NDArray[np.float32]:
    return next(iter(model([model.preprocessing.crop_rgb(image)])))


def _paired(
    logits: NDArray[np.float32], other: NDArray[np.float32], truth: NDArray[np.int64], name: str
) -> PairedReport:
    first, second = logits.argmax(1) == truth, other.argmax(1) == truth
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    sqnr = metrics.sqnr_db(other, logits)
    return PairedReport(
        against=name,
        against_top1=_percent(second),
        top1_difference=_percent(first) - _percent(second),
        both_right=int((first & second).sum()),
        only_model_right=only_first,
        only_other_right=only_second,
        both_wrong=int((~first & ~second).sum()),
        p_value=metrics.mcnemar_p(only_first, only_second),
        agreement=metrics.agreement(other, logits),
        sqnr_db=sqnr if np.isfinite(sqnr) else None,
    )


def _percent(flags: NDArray[np.bool_]) -> float:
    return float(100 * flags.mean())
