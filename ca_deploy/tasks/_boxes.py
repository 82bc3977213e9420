"""Boxes in numpy: overlap, offsets to anchors and back, non-maximum suppression.

A box is ``(left, top, right, bottom)``; a number of them is ``(…, 4)``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ca_deploy.records.boxes import LARGEST_EXPONENT

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Detections:
    """What was found in one photo, the most certain first: ``boxes (n, 4)``, ``scores (n,)`` and ``classes (n,)``."""

    boxes: Floats
    scores: Floats
    classes: NDArray[np.int64]


def iou(one: Floats, other: Floats) -> Floats:
    """Intersection over union of each of ``(n, 4)`` with each of ``(m, 4)``: ``(n, m)``."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(-1)
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(-1) for boxes in (one, other)]
    union = areas[0][:, None] + areas[1][None] - common
    found: Floats = common / np.maximum(union, np.finfo(np.float32).tiny)
    return found


def decode(offsets: Floats, anchors: Floats, variances: Sequence[float]) -> Floats:
    """Offsets ``(…, anchors, 4)`` to anchors ``(anchors, 4)``, as :class:`BoxCoding` defines them, to boxes."""
    scaled = offsets * np.asarray(variances, np.float32)
    centre = scaled[..., :2] * anchors[:, 2:] + anchors[:, :2]
    half = np.exp(np.minimum(scaled[..., 2:], LARGEST_EXPONENT)) * anchors[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def probabilities(scores: Floats, kind: str) -> Floats:
    """Scores ``(…, values)`` of a :class:`BoxCoding` as probabilities ``(…, classes)``, without the background."""
    if kind == "probabilities":
        return scores
    if kind == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-scores)), np.float32)
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    found: Floats = (powers / powers.sum(-1, keepdims=True))[..., 1:]
    return found


def suppress(boxes: Floats, scores: Floats, most_iou: float, most: int) -> NDArray[np.int64]:
    """Greedy non-maximum suppression of boxes of one class: the numbers of the first ``most`` that are kept, the most
    certain first."""
    order = np.argsort(-scores, kind="stable")
    kept: list[np.int64] = []
    while order.size and len(kept) < most:
        first, order = order[0], order[1:]
        kept.append(first)
        order = order[iou(boxes[first : first + 1], boxes[order])[0] <= most_iou]
    return np.asarray(kept, np.int64)


def detect(
    boxes: Floats, scores: Floats, least_score: float = 0.01, most_iou: float = 0.5, most: int = 100
) -> Detections:
    """Boxes ``(anchors, 4)`` and probabilities ``(anchors, classes)`` of one photo to detections, class by class."""
    parts = []
    for number in range(scores.shape[1]):
        likely = np.flatnonzero(scores[:, number] >= least_score)
        kept = likely[suppress(boxes[likely], scores[likely, number], most_iou, most)]
        parts.append((boxes[kept], scores[kept, number], np.full(len(kept), number, np.int64)))
    found, certain, classes = (np.concatenate(values) for values in zip(*parts, strict=True))
    order = np.argsort(-certain, kind="stable")[:most]
    return Detections(found[order], certain[order], classes[order])
