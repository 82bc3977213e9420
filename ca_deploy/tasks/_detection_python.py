"""Python code that makes detections of a detector's outputs, with numpy alone; for generated scripts."""

from string import Template

from ca_deploy.records.boxes import LARGEST_EXPONENT, BoxCoding
from ca_deploy.records.signature import Signature
from ca_deploy.tasks._detector import GIVEN, Detector, Suppressed
from ca_deploy.tasks._placement_python import placement

_OFFSETS = Template('''
# Anchors of each map: rows, columns, and (width, height) of the boxes in a cell, in parts of the input.
ANCHORS = [
$anchors
]
VARIANCES = $variances


def anchor_boxes() -> np.ndarray:
    """Centre x, centre y, width and height of every anchor, in parts of the input."""
    found = []
    for rows, columns, sizes in ANCHORS:
        y, x, size = np.meshgrid(
            (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, np.arange(len(sizes)), indexing="ij"
        )
        found.append(np.concatenate([np.stack([x, y], -1), np.array(sizes)[size]], -1).reshape(-1, 4))
    return np.concatenate(found)


def corners(offsets: np.ndarray) -> np.ndarray:
    """Offsets to the anchors as left, top, right, bottom in parts of the input."""
    anchors, scaled = anchor_boxes(), offsets * VARIANCES
    centre = scaled[:, :2] * anchors[:, 2:] + anchors[:, :2]
    half = np.exp(np.minimum(scaled[:, 2:], $largest)) * anchors[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], -1)
''')

_DETECT = Template('''
def detect(boxes: np.ndarray, scores: np.ndarray, least_score: float = 0.3, most_iou: float = 0.5) -> list:
    """(left, top, right, bottom), probability and class of what is seen; of boxes that overlap, the most certain."""
    found = []
    for number in range(scores.shape[1]):
        order = np.argsort(-scores[:, number])
        order = order[scores[order, number] >= least_score]
        while order.size:
            best, order = order[0], order[1:]
            found.append((boxes[best], scores[best, number], number))
            low, high = np.maximum(boxes[best, :2], boxes[order, :2]), np.minimum(boxes[best, 2:], boxes[order, 2:])
            common = np.clip(high - low, 0, None).prod(-1)
            areas = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
            order = order[common <= most_iou * (areas[best] + areas[order] - common)]
    return sorted(found, key=lambda one: -one[1])


def detections(outputs, size, scale, start) -> list:
    """What :func:`detect` finds, in pixels of a photo of that size; times the scale, from the start, it is the input.

    All are width and height, or x and y.
    """
    boxes, scores = $taken
    pixels = $boxes
    return detect(np.clip((pixels - [*start, *start]) / [*scale, *scale], 0, [*size, *size]), $scores)
''')


_LISTED = Template('''
def detections(outputs, size, scale, start, least_score: float = 0.3) -> list:
    """(left, top, right, bottom), probability and class of what is seen, the most certain first, in pixels of a photo
    of that size; times the scale, from the start, it is the input. All are width and height, or x and y.
    """
    boxes, kinds, scores, count = (outputs[name][0] for name in $names)
    pixels = boxes[:, [1, 0, 3, 2]] * [$width, $height, $width, $height]  # the file's are top, left, bottom, right
    placed = np.clip((pixels - [*start, *start]) / [*scale, *scale], 0, [*size, *size])
    found = zip(placed, scores, kinds.astype(int))
    return [one for one in list(found)[: int(count)] if one[1] >= least_score]
''')


def functions(detector: Detector | Suppressed) -> str:
    """The function ``detections``, which takes what ``run`` returns, and those that it calls."""
    if isinstance(detector, Suppressed):
        return _LISTED.substitute(names=GIVEN, width=detector.width, height=detector.height)
    coding = detector.coding
    if detector.boxes == detector.scores:
        taken, boxes, scores = "outputs[:4].T, outputs[4:].T", "boxes", "scores"
    else:
        taken, boxes, scores = f"outputs[{detector.boxes!r}][0], outputs[{detector.scores!r}][0]", "boxes", "scores"
    if coding.boxes == "offsets":
        boxes = "corners(boxes)"
    elif coding.boxes == "centres":
        boxes = "np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], -1)"
    if coding.unit == "parts":
        boxes = f"{boxes} * [{detector.width}, {detector.height}, {detector.width}, {detector.height}]"
    if coding.scores == "softmax":  # without the background, which is the first
        scores = "(np.exp(scores - scores.max(-1, keepdims=True)) / np.exp(scores - scores.max(-1, keepdims=True))"
        scores += ".sum(-1, keepdims=True))[:, 1:]"
    elif coding.scores == "sigmoid":
        scores = "1 / (1 + np.exp(-scores))"
    decoding = _anchors(coding) + "\n" if coding.boxes == "offsets" else ""
    return decoding + _DETECT.substitute(taken=taken, boxes=boxes, scores=scores)


def main(signature: Signature) -> tuple[str, ...]:
    """Lines that print what is seen in a photo, in its pixels."""
    photo = signature.photo
    return (
        "size = np.array(open_rgb(sys.argv[1]).size)",
        *(placement(photo) if photo is not None else ()),
        "for box, score, number in detections(run(preprocess(sys.argv[1])), size, scale, start):",
        "    left, top, right, bottom = box",
        '    name = LABELS[number] if LABELS else f"class {number}"',
        '    print(f"{score:6.1%}  {name}  {left:.1f} {top:.1f} {right:.1f} {bottom:.1f}")',
    )


def _anchors(coding: BoxCoding) -> str:
    rows = "\n".join(
        f"    ({one.rows}, {one.columns}, [{', '.join(f'({w:.7g}, {h:.7g})' for w, h in one.sizes)}]),"
        for one in coding.anchors
    )
    return _OFFSETS.substitute(anchors=rows, variances=list(coding.variances), largest=f"{LARGEST_EXPONENT:.7g}")
