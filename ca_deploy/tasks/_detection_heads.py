"""Heads of detectors."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ca_deploy.errors import ModelError
from ca_deploy.records.boxes import BoxCoding
from ca_deploy.records.module_path import WRAPPED
from ca_deploy.tasks._boxes import LARGEST_EXPONENT
from ca_deploy.tasks._detector import Detector, detector_of

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
