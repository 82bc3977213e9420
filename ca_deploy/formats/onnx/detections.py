"""Decoding and non-maximum suppression behind a detector's outputs, in float: what ``--head nms`` adds to a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.parser import parse_graph

from ca_deploy.records.boxes import LARGEST_EXPONENT, BoxCoding, Suppression
from ca_deploy.records.module_path import DETECTIONS
from ca_deploy.records.signature import Signature

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PREFIX = f"{DETECTIONS}/"  # of the names of what is added

_TOGETHER = """
    rows = Transpose<perm=[0, 2, 1]>(both)
    boxes, scores = Split<axis=2>(rows, box_and_scores)"""
_OFFSETS = """
    scaled = Mul(boxes, variances)
    shifts, growths = Split<axis=2>(scaled, halves)
    steps = Mul(shifts, anchor_sizes)
    centres = Add(steps, anchor_centres)
    limited = Min(growths, largest)
    factors = Exp(limited)
    sides = Mul(factors, anchor_halves)"""
_CENTRES = """
    centres, whole_sides = Split<axis=2>(boxes, halves)
    sides = Mul(whole_sides, half)"""
_CORNERS = """
    low = Sub(centres, sides)
    high = Add(centres, sides)
    decoded = Concat<axis=2>(low, high)"""
_PARTS = """
    in_parts = Div(DECODED, image_sides)"""
_SOFTMAX = """
    with_background = Softmax<axis=2>(scores)
    shares = Slice(with_background, one, end, two)"""
_SIGMOID = """
    shares = Sigmoid(scores)"""
# NonMaxSuppression gives (found, 3): batch, class and box, by class, and in a class the most certain first.
_SUPPRESSED = """
    corners = Gather<axis=2>(BOXES, y_first)
    by_class = Transpose<perm=[0, 2, 1]>(SHARES)
    found = NonMaxSuppression(corners, by_class, most, most_iou, below)
    found_scores = GatherND(by_class, found)
    batches, kinds, places = Split<axis=1>(found, ones)
    places_flat = Squeeze(places, one)
    kinds_flat = Squeeze(kinds, one)
    found_kinds = Cast<to=1>(kinds_flat)
    corners_flat = Squeeze(corners, zero)
    found_boxes = Gather<axis=0>(corners_flat, places_flat)
    padded_scores = Concat<axis=0>(found_scores, no_scores)
    padded_kinds = Concat<axis=0>(found_kinds, no_scores)
    padded_boxes = Concat<axis=0>(found_boxes, no_boxes)
    best_scores, best = TopK<axis=0, largest=1, sorted=1>(padded_scores, most)
    best_boxes = Gather<axis=0>(padded_boxes, best)
    best_kinds = Gather<axis=0>(padded_kinds, best)
    detection_boxes = Unsqueeze(best_boxes, zero)
    detection_classes = Unsqueeze(best_kinds, zero)
    detection_scores = Unsqueeze(best_scores, zero)
    found_count = Shape(found_scores)
    count = Min(found_count, most)
    num_detections = Cast<to=1>(count)"""


def with_detections(model: onnx.ModelProto, signature: Signature) -> onnx.ModelProto:
    """The model of a detector's raw outputs, float ``(1, …)``, as a copy that gives what is left of their boxes.

    ``signature`` is the finished network's, with ``suppression``. Places that do not count are 0. Of equal scores, the
    lower class and the earlier box come first.
    """
    rule, coding = signature.suppression, signature.boxes
    if rule is None or coding is None:
        return model
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    own = {"boxes": rule.boxes, "scores": rule.scores} if rule.boxes != rule.scores else {"both": rule.boxes}
    own |= {given.name: given.name for given in signature.outputs}
    used = set()
    for node in parse_graph(f"detections () => () {{{_steps(coding, rule)}\n}}").node:
        used |= set(node.input)
        node.input[:] = [own.get(name, _PREFIX + name) for name in node.input]
        node.output[:] = [own.get(name, _PREFIX + name) for name in node.output]
        node.name = _PREFIX + node.op_type + "_" + node.output[0].removeprefix(_PREFIX)
        graph.node.append(node)
    constants = _constants(coding, rule, signature)
    graph.initializer.extend(
        numpy_helper.from_array(values, _PREFIX + name) for name, values in constants.items() if name in used
    )
    graph.value_info.extend(value for value in graph.output if value.name in own.values())
    del graph.output[:]
    graph.output.extend(
        helper.make_tensor_value_info(given.name, onnx.TensorProto.FLOAT, given.shape) for given in signature.outputs
    )
    return made


def is_added(node: onnx.NodeProto) -> bool:
    """Whether a node is one that :func:`with_detections` added."""
    name: str = node.name
    return name.startswith(_PREFIX)


def without_detections(path: Path, folder: Path, outputs: Sequence[str]) -> Path:
    """The file without them, written to ``folder``: it gives ``outputs``, as the network itself does."""
    model = onnx.load(path)
    graph = model.graph
    known = {value.name: value for value in graph.value_info}
    given = [known[name] for name in outputs]
    kept = [node for node in graph.node if not is_added(node)]
    constants = [constant for constant in graph.initializer if not constant.name.startswith(_PREFIX)]
    for field, values in ((graph.node, kept), (graph.initializer, constants), (graph.output, given)):
        del field[:]
        field.extend(values)
    target = folder / f"unfinished{path.suffix}"
    onnx.save(model, target)
    return target


def _steps(coding: BoxCoding, rule: Suppression) -> str:
    """The operations in ONNX's text form."""
    text, boxes, shares = "" if rule.boxes != rule.scores else _TOGETHER, "boxes", "scores"
    if coding.boxes != "corners":
        text += (_OFFSETS if coding.boxes == "offsets" else _CENTRES) + _CORNERS
        boxes = "decoded"
    if coding.unit == "pixels":
        text += _PARTS.replace("DECODED", boxes)
        boxes = "in_parts"
    if coding.scores != "probabilities":
        text += _SOFTMAX if coding.scores == "softmax" else _SIGMOID
        shares = "shares"
    return text + _SUPPRESSED.replace("BOXES", boxes).replace("SHARES", shares)


def _constants(coding: BoxCoding, rule: Suppression, signature: Signature) -> "dict[str, NDArray[Any]]":
    photo = signature.photo_or_refuse("--head nms")
    floats: dict[str, Any] = {
        "half": 0.5,
        "image_sides": [photo.width, photo.height] * 2,
        "most_iou": [rule.most_iou],
        "below": [np.nextafter(np.float32(rule.least_score), np.float32(0))],  # NonMaxSuppression drops what is equal
        "no_scores": np.zeros(rule.most),
        "no_boxes": np.zeros((rule.most, 4)),
        "variances": coding.variances,
        "largest": LARGEST_EXPONENT,
    }
    if coding.boxes == "offsets":
        anchors = coding.anchor_array()
        floats |= {
            "anchor_centres": anchors[:, :2],
            "anchor_sizes": anchors[:, 2:],
            "anchor_halves": anchors[:, 2:] / 2,
        }
    integers: dict[str, Any] = {
        "zero": [0],
        "one": [1],
        "two": [2],
        "ones": [1, 1, 1],
        "halves": [2, 2],
        "end": [np.iinfo(np.int64).max],
        "y_first": [1, 0, 3, 2],
        "most": [rule.most],
        "box_and_scores": [4, rule.classes + (coding.scores == "softmax")],
    }
    made = {name: np.asarray(values, np.float32) for name, values in floats.items()}
    return made | {name: np.asarray(values, np.int64) for name, values in integers.items()}
