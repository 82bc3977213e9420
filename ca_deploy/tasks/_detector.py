"""A detector's outputs, however they are laid out, as boxes and probabilities."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ca_deploy.errors import ArtifactError
from ca_deploy.records.boxes import BoxCoding, Suppression
from ca_deploy.records.signature import NetworkOutput, Signature
from ca_deploy.tasks._boxes import Detections, Floats, decode, detect, probabilities

if TYPE_CHECKING:
    from ca_deploy.tasks import Answers

_PIXELS = BoxCoding("centres", "pixels", "probabilities")  # as YOLOv8 exports them
_PARTS = BoxCoding("corners", "parts", "probabilities")
# What files with suppression in them give, as TensorFlow's Object Detection API calls it.
GIVEN = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
Y_FIRST = [1, 0, 3, 2]  # its order of left, top, right, bottom

Place = Callable[[Floats], Floats]


def _as_they_are(boxes: Floats) -> Floats:
    return boxes


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

    def found(self, answers: "Answers", least_score: float = 0.01, place: Place = _as_they_are) -> list[Detections]:
        """What is left in each photo after suppression of its boxes, which ``place`` moves before."""
        pairs = zip(*self.read(answers), strict=True)
        return [detect(place(boxes), scores, least_score) for boxes, scores in pairs]


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Answers that are suppressed already, the most certain first: ``detection_boxes (N, most, 4)``, top, left, bottom,
    right in parts of the input's sides, ``detection_classes`` and ``detection_scores (N, most)``, and how many count,
    ``num_detections (N,)``."""

    rule: Suppression
    width: int
    height: int

    @property
    def classes(self) -> int:
        return self.rule.classes

    def read(self, answers: "Answers") -> tuple[Floats, Floats]:
        """Boxes ``(N, most, 4)``, left, top, right, bottom, and scores ``(N, most)``; those that do not count too."""
        boxes, _, scores, _ = (answers[name] for name in GIVEN)
        return boxes[..., Y_FIRST], scores

    def found(self, answers: "Answers", least_score: float = 0.0, place: Place = _as_they_are) -> list[Detections]:
        """The detections in each photo, whose boxes ``place`` moves.

        Raises:
            ArtifactError: there are more than fit, or of a class that does not exist.
        """
        found = []
        for boxes, scores, kinds, count in zip(*self.read(answers), answers[GIVEN[1]], answers[GIVEN[3]], strict=True):
            counted = np.arange(len(scores)) < count
            if not (0 <= count <= len(scores) and ((kinds >= 0) & (kinds < self.classes))[counted].all()):
                raise ArtifactError(
                    f"The model gives {count:g} detections of at most {len(scores)}, or a class that is none of its "
                    f"{self.classes}: it is damaged. Export it again."
                )
            counted &= scores >= least_score
            found.append(Detections(place(boxes[counted]), scores[counted], kinds[counted].astype(np.int64)))
        return found


def detector_of(signature: Signature) -> Detector | Suppressed | str:
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
    if signature.suppression is not None:
        return Suppressed(signature.suppression, photo.width, photo.height)
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
