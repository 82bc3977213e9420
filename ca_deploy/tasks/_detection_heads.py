"""Heads of detectors."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ca_deploy.errors import ModelError
from ca_deploy.records.boxes import LARGEST_EXPONENT, BoxCoding, Suppression
from ca_deploy.records.module_path import WRAPPED
from ca_deploy.records.signature import NetworkOutput, Signature
from ca_deploy.tasks._boxes import detect
from ca_deploy.tasks._detector import GIVEN, Y_FIRST, Detector, detector_of

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network


class Boxes(nn.Module):
    """Raw outputs -> ``boxes (N, anchors, 4)``, left, top, right, bottom in parts of the input's sides, and ``scores
    (N, anchors, classes)``, probabilities.

    In the graph as :func:`ca_deploy.tasks._boxes.decode` in numpy.

    Raises:
        ModelError: the network is not a detector.
    """

    _scale: Tensor
    _centre: Tensor
    _half: Tensor
    _growth: Tensor

    def __init__(self, network: "Network") -> None:
        super().__init__()
        detector = detector_of(network.signature)
        if not isinstance(detector, Detector):
            raise ModelError(f"{network.name} has no boxes to decode for --head: {detector}.")
        self.add_module(WRAPPED, network.module)
        self.box_coding = BoxCoding("corners", "parts", "probabilities")
        self._detector = detector
        self._names = [given.name for given in network.signature.outputs]
        if detector.coding.boxes == "offsets":
            anchors = torch.from_numpy(detector.coding.anchor_array())
            variances = torch.tensor(detector.coding.variances)
            # One product and one sum per side: x = dx * (variance * width) + x_anchor.
            self.register_buffer("_scale", anchors[:, 2:] * variances[:2], persistent=False)
            self.register_buffer("_centre", anchors[:, :2].clone(), persistent=False)
            self.register_buffer("_half", anchors[:, 2:] / 2, persistent=False)
            self.register_buffer("_growth", variances[2:].clone(), persistent=False)

    def forward(self, *tensors: Tensor) -> dict[str, Tensor]:
        found = self.get_submodule(WRAPPED)(*tensors)
        named = dict(zip(self._names, found if isinstance(found, tuple) else (found,), strict=True))
        boxes, scores = named[self._detector.boxes], named[self._detector.scores]
        if self._detector.boxes == self._detector.scores:
            together = boxes.transpose(1, 2)
            boxes, scores = together[..., :4], together[..., 4:]
        return {"boxes": self._corners(boxes), "scores": self._probabilities(scores)}

    def _corners(self, boxes: Tensor) -> Tensor:
        coding = self._detector.coding
        if coding.boxes == "offsets":
            centre = boxes[..., :2] * self._scale + self._centre
            half = (boxes[..., 2:] * self._growth).clamp(max=LARGEST_EXPONENT).exp() * self._half
            boxes = torch.cat([centre - half, centre + half], -1)
        elif coding.boxes == "centres":
            half = boxes[..., 2:] / 2
            boxes = torch.cat([boxes[..., :2] - half, boxes[..., :2] + half], -1)
        if coding.unit == "pixels":
            sides = [self._detector.width, self._detector.height] * 2
            boxes = boxes / torch.tensor(sides, dtype=boxes.dtype)
        return boxes

    def _probabilities(self, scores: Tensor) -> Tensor:
        if self._detector.coding.scores == "softmax":
            return scores.softmax(-1)[..., 1:]
        return scores.sigmoid() if self._detector.coding.scores == "sigmoid" else scores


_MEANINGS = (
    "top, left, bottom, right in parts of the input's sides, the most certain first",
    "numbers of the labels",
    "probabilities",
    "how many of them count",
)


class Detections(Boxes):
    """Raw outputs -> what is left of their boxes after suppression, as :class:`~ca_deploy.tasks._detector.Suppressed`
    reads it; the places that do not count are 0.

    A format adds it with operators of its own; this one, in PyTorch and numpy, is what files are compared with.
    ``rule`` are fields of :class:`~ca_deploy.records.boxes.Suppression`.

    Raises:
        UsageError: a threshold is out of range.
        ModelError: the network is not a detector, or has outputs of these names.
    """

    def __init__(self, network: "Network", **rule: Any) -> None:
        super().__init__(network)
        if taken := sorted(set(GIVEN) & set(self._names)):
            raise ModelError(
                f"{network.name} has an output {', '.join(taken)} already, which --head nms gives. Return it under "
                "another name."
            )
        detector = self._detector
        self._rule = Suppression(detector.boxes, detector.scores, detector.classes, **rule)
        most = self._rule.most
        shapes = ((1, most, 4), (1, most), (1, most), (1,))
        pairs = zip(GIVEN, shapes, _MEANINGS, strict=True)
        outputs = tuple(NetworkOutput(name, shape, meaning=meaning) for name, shape, meaning in pairs)
        self.signature = Signature(network.signature.inputs, outputs, detector.coding, self._rule)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        decoded = super().forward(*tensors)
        rule, rows = self._rule, []
        for boxes, scores in zip(*(decoded[name].detach().numpy() for name in ("boxes", "scores")), strict=True):
            found = detect(boxes, scores, rule.least_score, rule.most_iou, rule.most)
            count = len(found.scores)
            row = np.zeros((rule.most, 6), np.float32)
            row[:count] = np.column_stack([found.boxes[:, Y_FIRST], found.classes, found.scores])
            rows.append((row, count))
        table = torch.from_numpy(np.stack([row for row, _ in rows]))
        return table[..., :4], table[..., 4], table[..., 5], torch.tensor([float(count) for _, count in rows])
