"""Code in Kotlin or Swift that makes detections of a detector's outputs: what it is put together of, in either."""

from dataclasses import dataclass
from string import Template

from ca_deploy.records.boxes import LARGEST_EXPONENT, AnchorMap
from ca_deploy.records.signature import Signature
from ca_deploy.tasks import Ran
from ca_deploy.tasks._detector import GIVEN, Detector, Suppressed


@dataclass(frozen=True, slots=True)
class Pieces:
    """Declarations in one language.

    ``detection`` is what one is, ``detect`` and ``listed`` are the extension of the class for a :class:`Detector` and
    for :class:`Suppressed`. The others are functions from one flat array to another, of the field's name: ``columns``
    for outputs as of YOLO; ``offsets``, ``centres`` and ``corners`` make corners of boxes as :class:`BoxCoding` names
    them, ``softmax`` and ``sigmoid`` probabilities of its scores. ``anchors`` is the line of ``offsets`` for one map.
    """

    detection: Template
    detect: Template
    listed: Template
    columns: Template
    offsets: Template
    anchors: Template
    centres: Template
    corners: Template
    softmax: Template
    sigmoid: Template


def detections(pieces: Pieces, detector: Detector | Suppressed, signature: Signature, ran: Ran) -> str:
    """The extension ``detect`` of the class, and what it calls."""
    if isinstance(detector, Suppressed):
        boxes, kinds, scores, counts = (ran.values[name] for name in GIVEN)
        listed = pieces.listed.substitute(
            {"call": ran.call, "boxes": boxes, "kinds": kinds, "scores": scores, "counts": counts, **_sides(detector)}
        )
        return f"{pieces.detection.substitute()}\n\n{listed}"
    coding, classes = detector.coding, detector.classes
    used = [pieces.detection, pieces.detect, getattr(pieces, coding.boxes)]
    boxes, scores = ran.values[detector.boxes], ran.values[detector.scores]
    if detector.boxes == detector.scores:
        used.append(pieces.columns)
        boxes, scores = f"columns({boxes}, 0, 4)", f"columns({scores}, 4, {classes})"
    if coding.scores != "probabilities":
        used.append(getattr(pieces, coding.scores))
        scores = f"{coding.scores}({scores})"
    filled = {
        "call": ran.call,
        "sides": f"{coding.boxes}({boxes})",
        "scores": scores,
        "classes": classes,
        "values": classes + 1,
        "count": signature.outputs[0].shape[-1],
        **(_sides(detector) if coding.unit == "parts" else {"x": "corner", "y": "corner"}),
        "anchors": "\n    ".join(_line(pieces.anchors, one) for one in coding.anchors),
        "variances": ", ".join(map(repr, coding.variances)),
        "largest": repr(LARGEST_EXPONENT),
    }
    return "\n\n".join(piece.substitute(filled) for piece in used)


def _sides(detector: Detector | Suppressed) -> dict[str, str]:
    """What is a corner in pixels of the input, where it is given in parts of its sides."""
    return {"x": f"corner * {detector.width}", "y": f"corner * {detector.height}"}


def _line(template: Template, one: AnchorMap) -> str:
    sizes = ", ".join(repr(float(side)) for size in one.sizes for side in size)
    return template.substitute(rows=one.rows, columns=one.columns, sizes=sizes)
