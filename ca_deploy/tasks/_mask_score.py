"""Scores of segmenters: intersection over union of each class, over all pixels of all photos that count."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ca_deploy.data.masks import IGNORED, Mask
from ca_deploy.errors import ImageDataError
from ca_deploy.tasks import Score
from ca_deploy.tasks._class_map import UNSEEN

# A photo with so many of its pixels right counts as right, where two models are compared photo by photo.
RIGHT_PERCENT = 90


def pixel_pairs(found: NDArray[np.int64], mask: Mask) -> NDArray[np.int64]:
    """How many pixels of each class (rows) were taken for each (columns), of those that count and were seen.

    Raises:
        ImageDataError: the mask does not fit, or the model gives a class that does not exist.
    """
    truth = mask.read((found.shape[1], found.shape[0]))
    counted = (truth != IGNORED) & (found != UNSEEN)
    count = mask.meaning.classes
    one, other = truth[counted], found[counted]
    if other.size and not 0 <= other.min() <= other.max() < count:
        raise ImageDataError(
            f"The model gives class {int(other.max())}, and there are {count} (--labels). Name all of its classes."
        )
    return np.bincount(one * count + other, minlength=count**2).reshape(count, count)


def iou_score(photos: Sequence[NDArray[np.int64]], labels: Sequence[str]) -> Score:
    """The mean over classes that are in the masks or were found; PASCAL VOC and Cityscapes count so.

    Raises:
        ImageDataError: no pixel counts.
    """
    pairs = np.sum(photos, axis=0)
    if not pairs.sum():
        raise ImageDataError("No pixel of the masks counts: all are ignored. Correct ignore in the TOML.")
    both = np.diagonal(pairs).astype(np.float64)
    union = pairs.sum(0) + pairs.sum(1) - both
    there = union > 0
    iou = 100 * both[there] / union[there]
    by_class = {labels[number]: float(share) for number, share in zip(np.flatnonzero(there).tolist(), iou, strict=True)}
    shares = np.array([100 * np.trace(one) / max(one.sum(), 1) for one in photos])
    wrong = pairs - np.diag(np.diagonal(pairs))
    confusions = Counter(
        {(labels[one], labels[other]): int(wrong[one, other]) for one, other in np.argwhere(wrong).tolist()}
    )
    figures = {"mean IoU": float(iou.mean()), "pixel accuracy": float(100 * both.sum() / pairs.sum())}
    return Score(shares >= RIGHT_PERCENT, figures, by_class, "IoU", confusions)
