"""The loss that SSD is trained with (arXiv 1512.02325, sections 2.2 and 2.3)."""

import torch
from torch import Tensor
from torch.nn import functional

from ca_deploy.records.boxes import BoxCoding

_LEAST_IOU = 0.5
_NEGATIVES_PER_POSITIVE = 3


class MultiBoxLoss:
    """Smooth L1 of the offsets of matched anchors, and cross-entropy of these and of the hardest backgrounds."""

    def __init__(self, coding: BoxCoding) -> None:
        self.anchors = torch.from_numpy(coding.anchor_array())
        self.variances = torch.tensor(coding.variances)

    def __call__(self, boxes: Tensor, scores: Tensor, truth: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Offsets ``(N, anchors, 4)`` and logits ``(N, anchors, 1 + classes)``, with the truth of each image: boxes
        ``(n, 4)``, left, top, right and bottom in parts of the image, and their classes ``(n,)`` from 0."""
        matched = [self.match(*one) for one in truth]
        wanted, classes = (torch.stack(values) for values in zip(*matched, strict=True))
        positive = classes > 0
        count = positive.sum().clamp(min=1)
        offsets = functional.smooth_l1_loss(boxes[positive], wanted[positive], reduction="sum")
        each = functional.cross_entropy(scores.flatten(0, 1), classes.flatten(), reduction="none").view_as(classes)
        hardness = each.detach().masked_fill(positive, -torch.inf)
        rank = hardness.argsort(1, descending=True).argsort(1)
        # An image without boxes still shows what background looks like.
        negatives = _NEGATIVES_PER_POSITIVE * positive.sum(1, keepdim=True).clamp(min=1)
        chosen = positive | ((rank < negatives) & ~positive)
        return (offsets + each[chosen].sum()) / count

    def match(self, boxes: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """For each anchor its offsets ``(anchors, 4)`` and class ``(anchors,)``, 0 for the background.

        Each box gets its best anchor, and all that it overlaps by half.
        """
        if not len(boxes):
            return torch.zeros_like(self.anchors), torch.zeros(len(self.anchors), dtype=torch.long)
        centre, size = self.anchors[:, :2], self.anchors[:, 2:]
        corners = torch.cat([centre - size / 2, centre + size / 2], 1)
        overlap = _iou(boxes, corners)
        best, owner = overlap.max(0)
        own = overlap.argmax(1)
        owner[own] = torch.arange(len(boxes))
        best[own] = 1
        of_anchor = boxes[owner]
        moved = ((of_anchor[:, :2] + of_anchor[:, 2:]) / 2 - centre) / size
        grown = ((of_anchor[:, 2:] - of_anchor[:, :2]) / size).clamp(min=1e-6).log()
        offsets = torch.cat([moved, grown], 1) / self.variances
        return offsets, torch.where(best >= _LEAST_IOU, classes[owner] + 1, 0)


def _iou(one: Tensor, other: Tensor) -> Tensor:
    low = torch.maximum(one[:, None, :2], other[None, :, :2])
    high = torch.minimum(one[:, None, 2:], other[None, :, 2:])
    common = (high - low).clamp(min=0).prod(-1)
    first, second = ((boxes[:, 2:] - boxes[:, :2]).prod(-1) for boxes in (one, other))
    return common / (first[:, None] + second[None] - common)
