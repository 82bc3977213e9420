"""Non-maximum suppression, as ``coremltools.converters.mil.mil.ops.defs.iOS15.tensor_operation`` describes it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ca_deploy.errors import UnsupportedOperation

_PADDING = -1.0  # of places that do not count, as coremltools reads them; of boxes and scores, nothing says it


def non_maximum_suppression(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float,
    max_boxes: int,
    score_threshold: float | None = None,
    per_class_suppression: bool = False,
) -> tuple[Tensor, ...]:
    """Boxes ``(N, B, 4)``, centre x, centre y, width and height, and scores ``(N, B, 1)`` -> those that are left, the
    most certain first, ``(N, max_boxes, …)``; their places ``(N, max_boxes)``, and how many count ``(N,)``.

    From iOS 17 on there is no ``score_threshold``: the last two sides of boxes and scores are exchanged, of what is
    taken and given, and nothing says how many count.

    Raises:
        UnsupportedOperation: a box has several scores: Core ML does not say which counts.
    """
    if score_threshold is None:
        everything = -torch.inf
        kept = non_maximum_suppression(boxes.mT, scores.mT, iou_threshold, max_boxes, everything)
        return kept[0].mT, kept[1].mT, kept[2]
    if scores.shape[2] != 1:
        raise UnsupportedOperation(
            "The reference executor suppresses boxes of one score each (non_maximum_suppression). Run this file on a "
            "Mac (--runtime coreml)."
        )
    count = len(boxes)
    coordinates = torch.full((count, max_boxes, 4), _PADDING)
    certain = torch.full((count, max_boxes, 1), _PADDING)
    places, counts = torch.full((count, max_boxes), _PADDING), torch.zeros(count)
    for number, (all_boxes, all_scores) in enumerate(zip(boxes, scores[..., 0], strict=True)):
        left = _kept(all_boxes, all_scores, iou_threshold, score_threshold, max_boxes)
        coordinates[number, : len(left)] = all_boxes[left]
        certain[number, : len(left), 0] = all_scores[left]
        places[number, : len(left)] = left.float()
        counts[number] = len(left)
    return coordinates, certain, places, counts


def _kept(boxes: Tensor, scores: Tensor, most_iou: float, least_score: float, most: int) -> Tensor:
    """The places of the boxes that are left, greedily."""
    half = boxes[:, 2:] / 2
    low, high = boxes[:, :2] - half, boxes[:, :2] + half
    areas = (high - low).clamp(min=0).prod(1)
    order = scores.sort(descending=True, stable=True).indices
    order = order[scores[order] >= least_score]
    kept: list[Tensor] = []
    while len(order) and len(kept) < most:
        first, order = order[0], order[1:]
        kept.append(first)
        sides = torch.minimum(high[first], high[order]) - torch.maximum(low[first], low[order])
        common = sides.clamp(min=0).prod(1)
        order = order[common <= most_iou * (areas[first] + areas[order] - common)]
    return torch.stack(kept) if kept else torch.zeros(0, dtype=torch.int64)


OPERATIONS: dict[str, Callable[..., Any]] = {"non_maximum_suppression": non_maximum_suppression}
