"""Boxes with classes: boxes and scores in two outputs, raw or decoded, or in one as of YOLO."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ca_deploy.data.labelled import LabelledPhotos
from ca_deploy.data.labelled_boxes import PhotoBoxes, labelled_boxes
from ca_deploy.errors import ArtifactError, ImageDataError, listed
from ca_deploy.records.prediction import FoundBox
from ca_deploy.records.signature import Signature
from ca_deploy.tasks import Head, Labels, Score, Scoring, Seen, Task
from ca_deploy.tasks._boxes import Detections, Floats, iou
from ca_deploy.tasks._coco_metrics import Scored, average_precision
from ca_deploy.tasks._detection_code import detections
from ca_deploy.tasks._detection_kotlin import KOTLIN
from ca_deploy.tasks._detection_python import functions, main
from ca_deploy.tasks._detection_swift import SWIFT
from ca_deploy.tasks._detector import GIVEN, Detector, Suppressed, detector_of

if TYPE_CHECKING:
    from ca_deploy.tasks import Answers

_SHOWN = 0.3  # the score from which a detection is one, where a single threshold has to say so
_FOUND = 0.15  # and with which the other model still finds it, so that a score beside the threshold is not a difference
_SAME_PLACE = 0.5  # IoU
_ROUNDING = 0.02  # of a probability in INT8


def _unfit(signature: Signature) -> str:
    found = detector_of(signature)
    return found if isinstance(found, str) else ""


def _class_count(signature: Signature) -> int | None:
    found = detector_of(signature)
    return None if isinstance(found, str) else found.classes


def _likely(signature: Signature, labels: Labels) -> str:
    found = detector_of(signature)
    if isinstance(found, str):
        return ""
    if signature.boxes is not None:
        return "the network says what its boxes are"
    if labels and len(labels) == found.classes and len(signature.outputs) == 1:
        return (
            f"{signature.outputs[0].shape} is read as 4 numbers of a box and one for each of the {len(labels)} labels"
        )
    return ""


def _matches(one: Detections, other: Detections, scored: float, found: float) -> list[tuple[int, int]]:
    """The numbers of the detections of one, with the score ``scored``, and of those of the other, of their class and
    with the score ``found``, in the same place."""
    left = other.scores >= found
    pairs = []
    overlaps = iou(one.boxes, other.boxes)
    for number in np.flatnonzero(one.scores >= scored):
        able = left & (other.classes == one.classes[number]) & (overlaps[number] >= _SAME_PLACE)
        if able.any():
            best = int(np.argmax(np.where(able, overlaps[number], -1)))
            left[best] = False
            pairs.append((int(number), best))
    return pairs


def _levels(detector: Detector | Suppressed) -> tuple[float, float]:
    """``_SHOWN`` and ``_FOUND``, or more where a file gives nothing of so low a score."""
    found = max(_FOUND, detector.rule.least_score if isinstance(detector, Suppressed) else 0)
    return max(_SHOWN, found + min(_FOUND, (1 - found) / 2)), found


def _agreement(detector: Detector | Suppressed, reference: "Answers", other: "Answers") -> NDArray[np.float64]:
    """The share of the detections of both that the other has too; 1 where there are none."""
    shares = []
    scored, found = _levels(detector)
    for one, two in zip(*(detector.found(answers, found) for answers in (reference, other)), strict=True):
        count = int((one.scores >= scored).sum() + (two.scores >= scored).sum())
        matched = len(_matches(one, two, scored, found)) + len(_matches(two, one, scored, found))
        shares.append(matched / count if count else 1.0)
    return np.array(shares)


def _aligned(detector: Suppressed, reference: "Answers", other: "Answers") -> "tuple[Answers, Answers]":
    """Boxes ``(detections, 4)`` and scores ``(detections,)`` of what the reference finds, and the other finds too."""
    boxes, _, scores, _ = GIVEN
    sides: tuple[list[Detections], list[Detections]] = ([], [])
    levels = _levels(detector)
    for one, two in zip(*(detector.found(answers, levels[1]) for answers in (reference, other)), strict=True):
        pairs = np.array(_matches(one, two, *levels), np.int64).reshape(-1, 2)
        for side, found, rows in zip(sides, (one, two), pairs.T, strict=True):
            side.append(Detections(found.boxes[rows], found.scores[rows], found.classes[rows]))
    first, second = (
        {boxes: np.concatenate([one.boxes for one in side]), scores: np.concatenate([one.scores for one in side])}
        for side in sides
    )
    return first, second


def _kept(
    detector: Detector | Suppressed, signature: Signature, answers: "Answers", truth: PhotoBoxes, size: tuple[int, int]
) -> Scored:
    """The detections in one photo, in its pixels, beside what is labelled."""
    return truth, truth.in_pixels(size), _in_photo(detector, signature, answers, size)


def _in_photo(
    detector: Detector | Suppressed, signature: Signature, answers: "Answers", size: tuple[int, int]
) -> Detections:
    _refuse_nonsense(*detector.read(answers))
    x, y, left, top = signature.photo_or_refuse("Detecting").placement(size)

    def placed(boxes: Floats) -> Floats:
        corners = boxes * np.array([detector.width, detector.height] * 2, np.float32)
        moved = (corners - np.array([left, top] * 2, np.float32)) / np.array([x, y] * 2, np.float32)
        return np.clip(moved, 0, np.array(size * 2, np.float32))

    (found,) = detector.found(answers, place=placed)
    return found


def _refuse_nonsense(boxes: Floats, scores: Floats) -> None:
    """What no detection can be read from would otherwise count as one, or as none."""
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise ArtifactError(
            "The model's boxes or scores are not finite numbers: it is damaged, or computes out of the range of its "
            "type. `ca-deploy parity FILE` shows where."
        )
    least, most = scores.min(initial=0), scores.max(initial=0)
    if least < -_ROUNDING or most > 1 + _ROUNDING:
        raise ArtifactError(
            f"The model's scores are no probabilities ({least:.3g} to {most:.3g}), as its manifest or its network's "
            "box_coding says they are. Export it again, with the box_coding of what it gives."
        )


def _seen(
    detector: Detector | Suppressed, signature: Signature, answers: "Answers", size: tuple[int, int], labels: Labels
) -> Seen:
    """The detections whose score is no doubt."""
    found = _in_photo(detector, signature, answers, size)
    named = (
        labels if labels and len(labels) == detector.classes else [str(number) for number in range(detector.classes)]
    )
    rows = zip(found.boxes.tolist(), found.scores.tolist(), found.classes.tolist(), strict=True)
    return Seen(boxes=tuple(FoundBox(named[kind], score, *box) for box, score, kind in rows if score >= _SHOWN))


def _labelled(detector: Detector | Suppressed, root: Path, labels: Labels) -> LabelledPhotos[PhotoBoxes]:
    """The photos, unless their classes are not those of the model: found before the first is run."""
    photos = labelled_boxes(root, labels)
    _refuse_other_classes(detector, photos.labels)
    return photos


def _refuse_other_classes(detector: Detector | Suppressed, labels: Sequence[str]) -> None:
    if len(labels) != detector.classes:
        raise ImageDataError(
            f"The model scores {detector.classes} classes, but there are {len(labels)} ({listed(labels, 12)}). "
            "Pass the model's class names, in its order, with --labels."
        )


def _score(detector: Detector | Suppressed, photos: Sequence[Scored], labels: Sequence[str]) -> Score:
    _refuse_other_classes(detector, labels)
    figures, by_class = average_precision(photos, labels)
    right, confusions = [], Counter[tuple[str, str]]()
    for truth, boxes, found in photos:
        wanted = Detections(boxes, np.ones(len(boxes), np.float32), truth.classes)
        everything = len(_matches(wanted, found, 1, _SHOWN)) == len(boxes)
        nothing_else = len(_matches(found, wanted, _SHOWN, 1)) == (found.scores >= _SHOWN).sum()
        right.append(everything and bool(nothing_else))
        overlaps = iou(boxes, found.boxes) * (found.scores >= _SHOWN)
        for number, kind in enumerate(truth.classes.tolist()):
            there = found.classes[overlaps[number] >= _SAME_PLACE].tolist()
            if there and kind not in there:
                confusions[labels[kind], labels[there[0]]] += 1
    return Score(np.array(right), figures, by_class, "AP50", confusions)


def _bound(signature: Signature) -> Task:
    """The task with the functions that need to know how its outputs are laid out."""
    detector = detector_of(signature)
    if isinstance(detector, str):
        return TASK
    layout: dict[str, Any]
    if isinstance(detector, Suppressed):
        layout = {"aligned": lambda reference, other: _aligned(detector, reference, other)}
    else:
        axis = 1 if detector.boxes == detector.scores else 2
        layout = {"channel_axis": lambda given: axis}
    return replace(
        TASK,
        **layout,
        python_functions=lambda signature: functions(detector),
        kotlin=lambda signature, ran: detections(KOTLIN, detector, signature, ran),
        swift=lambda signature, ran: detections(SWIFT, detector, signature, ran),
        agrees=lambda reference, other: _agreement(detector, reference, other),
        seen=lambda answers, signature, size, labels: _seen(detector, signature, answers, size, labels),
        scoring=Scoring(
            "COCO JSON, or a folder with labels of Pascal VOC or YOLO",
            lambda root, labels: _labelled(detector, root, labels),
            lambda answers, truth, size: _kept(detector, signature, answers, truth, size),
            lambda photos, labels: _score(detector, photos, labels),
        ),
    )


TASK = Task(
    name="detection",
    description="boxes with classes, from (N, anchors, 4) and (N, anchors, classes), or (N, 4 + classes, anchors)",
    likely=_likely,
    unfit=_unfit,
    headline="Detect objects in a photo",
    output=lambda signature: "Boxes and scores, one row per class behind the four of the box.",
    python=main,
    class_name="Detector",
    output_name="detections",
    agreement_name="agreement of detections",
    right_name="photos without a mistake",
    labels_hint="none for the background",
    class_count=_class_count,
    heads={
        "raw": Head("offsets to anchors and logits, as the network gives them: best for INT8"),
        "boxes": Head(
            "boxes decoded in the graph, left, top, right, bottom in parts of the input's sides, and probabilities",
            "ca_deploy.tasks._detection_heads:Boxes",
        ),
        "nms": Head(
            "the 100 best boxes, decoded and suppressed in the file, in float also where the network is INT8",
            "ca_deploy.tasks._detection_heads:Detections",
            finished=True,
        ),
    },
    bound=_bound,
)
