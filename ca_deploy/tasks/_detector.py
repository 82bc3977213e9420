"""A detector's outputs, however they are laid out, as boxes and probabilities."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ca_deploy.records.boxes import BoxCoding
from ca_deploy.records.signature import NetworkOutput, Signature
from ca_deploy.tasks._boxes import Floats, decode, probabilities

if TYPE_CHECKING:
    from ca_deploy.tasks import Answers

_PIXELS = BoxCoding("centres", "pixels", "probabilities")  # as YOLOv8 exports them
_PARTS = BoxCoding("corners", "parts", "probabilities")


@dataclass(frozen=True, slots=True)
class Detector:
    """Names of the outputs with boxes ``(N, anchors, 4)`` and with scores ``(N, anchors, values)``; of an only output,
    ``(N, 4 + classes, anchors)``, both names are its own. ``coding`` is what its numbers mean."""

    boxes: str
    scores: str
    coding: BoxCoding
    classes: int
    width: int
    height: int

    def read(self, answers: "Answers") -> tuple[Floats, Floats]:
        """Of outputs ``(N, …)``: boxes ``(N, anchors, 4)`` in parts of the input, left, top, right, bottom, and
        probabilities ``(N, anchors, classes)``."""
        boxes, scores = answers[self.boxes], answers[self.scores]
        if self.boxes == self.scores:
            together = boxes.transpose(0, 2, 1)
            boxes, scores = together[..., :4], together[..., 4:]
        shares = probabilities(scores, self.coding.scores)
        if self.coding.boxes == "offsets":
            return decode(boxes, self.coding.anchor_array(), self.coding.variances), shares
        if self.coding.boxes == "centres":
            half = boxes[..., 2:] / 2
            boxes = np.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], axis=-1)
        if self.coding.unit == "pixels":
            boxes = np.divide(boxes, np.array([self.width, self.height] * 2, np.float32), dtype=np.float32)
        return boxes, shares


def detector_of(signature: Signature) -> Detector | str:
    """How a signature is read, or why it cannot be."""
    shapes = ", ".join(f"{output.dtype} {output.shape}" for output in signature.outputs)
    wrong = (
        "a detector gives boxes (N, anchors, 4) and scores (N, anchors, classes), or one tensor (N, 4 + classes, "
        f"anchors), and the network gives {shapes}"
    )
    photo = signature.photo
    if photo is None:
        return f"a detector takes one photo, and the network takes {signature.inputs_text}"
    outputs = signature.outputs
    if any(len(one.shape) != 3 or not one.dtype.startswith("float") for one in outputs):
        return wrong
    coding = signature.boxes
    size = (photo.width, photo.height)
    if len(outputs) == 1 and (coding is None or coding.boxes != "offsets"):
        (only,) = outputs
        classes = only.shape[1] - 4
        return Detector(only.name, only.name, coding or _PIXELS, classes, *size) if classes > 0 else wrong
    pair = _boxes_and_scores(outputs)
    if pair is None:
        return wrong
    boxes, scores = pair
    coding = coding or _PARTS
    if coding.boxes == "offsets" and coding.count != boxes.shape[1]:
        return f"its anchors are {coding.count}, and it gives {boxes.shape[1]} boxes"
    classes = scores.shape[2] - (coding.scores == "softmax")
    return Detector(boxes.name, scores.name, coding, classes, *size) if classes > 0 else wrong


def _boxes_and_scores(outputs: tuple[NetworkOutput, ...]) -> tuple[NetworkOutput, NetworkOutput] | None:
    """Boxes are what has four values per anchor; of two such, what is named so, or comes first."""
    if len(outputs) != 2 or outputs[0].shape[1] != outputs[1].shape[1]:
        return None
    fours = [one for one in outputs if one.shape[2] == 4]
    if not fours:
        return None
    boxes = next((one for one in fours if "box" in one.name.lower()), fours[0])
    return boxes, outputs[1 - outputs.index(boxes)]
