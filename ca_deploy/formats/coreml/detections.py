"""Decoding and ``non_maximum_suppression`` behind a detector's outputs: what ``--head nms`` adds to an ML Program.

The operation takes each class as a sample of its own, whose boxes have one score: what it does with a box of several
scores, Core ML does not say.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
from coremltools.converters.mil.mil import Builder as mb
from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
from coremltools.converters.mil.mil.passes.helper import block_context_manager

from ca_deploy.formats.coreml.compress import apply_passes
from ca_deploy.formats.coreml.package import save
from ca_deploy.records.boxes import LARGEST_EXPONENT, BoxCoding, Suppression
from ca_deploy.records.module_path import DETECTION_NAMES
from ca_deploy.records.signature import Signature


def with_detections(model: Any, signature: Signature) -> Any:
    """An ``MLModel`` of a detector's raw float32 outputs that gives what is left of their boxes, as a new one.

    ``signature`` is the finished network's; without ``suppression``, the model stays as it is. Places that do not count
    are 0.
    """
    rule, coding = signature.suppression, signature.boxes
    if rule is None or coding is None:
        return model
    return apply_passes(model, [_AddDetections(signature, rule, coding)])


def describe_detections(spec: Any, signature: Signature) -> None:
    """Let the description of a specification have the outputs of such a model, in place."""
    if signature.suppression is None:
        return
    del spec.description.output[:]
    for given in signature.outputs:
        _describe(spec, given.name, given.shape, given.meaning)


def without_detections(path: Path, folder: Path, outputs: Sequence[str]) -> Path:
    """The package without them, written to ``folder``: it gives ``outputs``, as the network itself does."""
    spec = ct.utils.load_spec(str(path))
    function = spec.mlProgram.functions["main"]
    block = function.block_specializations[function.opset]
    made = {output.name: output for one in block.operations for output in one.outputs}
    used, kept = set(outputs), []
    for one in reversed(block.operations):
        if used.intersection(output.name for output in one.outputs):
            kept.append(one)
            used |= {argument.name for value in one.inputs.values() for argument in value.arguments}
    del block.operations[:]
    block.operations.extend(reversed(kept))
    block.outputs[:] = outputs
    del spec.description.output[:]
    for name in outputs:
        _describe(spec, name, [side.constant.size for side in made[name].type.tensorType.dimensions])
    target = folder / f"unfinished{path.suffix}"
    save(spec, path / "Data" / "com.apple.CoreML" / "weights", target)
    return target


def _describe(spec: Any, name: str, shape: Any, text: str = "") -> None:
    feature = spec.description.output.add()
    feature.name, feature.shortDescription = name, text
    feature.type.multiArrayType.shape.extend(shape)
    feature.type.multiArrayType.dataType = ct.proto.FeatureTypes_pb2.ArrayFeatureType.FLOAT32


class _AddDetections(AbstractGraphPass):
    def __init__(self, signature: Signature, rule: Suppression, coding: BoxCoding) -> None:
        self._signature, self._rule, self._coding = signature, rule, coding
        self._count, self._is_ios17 = 0, False

    def apply(self, prog: Any) -> None:
        self._add(prog.functions["main"])

    @block_context_manager
    def _add(self, block: Any) -> None:
        self._is_ios17 = block.opset_version is not None and block.opset_version >= ct.target.iOS17
        raw = {var.name: var for var in block.outputs}
        boxes, scores = self._taken(raw[self._rule.boxes], raw[self._rule.scores])
        block.set_outputs(self._suppressed(boxes, scores))

    def _taken(self, boxes: Any, scores: Any) -> tuple[Any, Any]:
        """Boxes ``(1, anchors, 4)``: centre x, centre y, width and height in parts; probabilities."""
        rule, coding, photo = self._rule, self._coding, self._signature.photo_or_refuse("--head nms")
        if rule.boxes == rule.scores:
            rows = self._op("transpose", x=boxes, perm=[0, 2, 1])
            boxes, scores = self._columns(rows, 0, 4), self._columns(rows, 4, 4 + rule.classes)
        if coding.scores == "softmax":
            scores = self._columns(self._op("softmax", x=scores, axis=-1), 1, 1 + rule.classes)
        elif coding.scores == "sigmoid":
            scores = self._op("sigmoid", x=scores)
        if coding.unit == "pixels":
            boxes = self._op("mul", x=boxes, y=np.float32(1) / np.array([photo.width, photo.height] * 2, np.float32))
        first, second = self._columns(boxes, 0, 2), self._columns(boxes, 2, 4)
        if coding.boxes == "offsets":
            anchors, variances = coding.anchor_array()[None], np.array(coding.variances, np.float32)
            steps = self._op("mul", x=self._op("mul", x=first, y=variances[:2]), y=anchors[..., 2:])
            limited = self._op("minimum", x=self._op("mul", x=second, y=variances[2:]), y=np.float32(LARGEST_EXPONENT))
            first = self._op("add", x=steps, y=anchors[..., :2])
            second = self._op("mul", x=self._op("exp", x=limited), y=anchors[..., 2:])
        elif coding.boxes == "corners":
            first, second = (
                self._op("mul", x=self._op("add", x=first, y=second), y=np.float32(0.5)),
                self._op("sub", x=second, y=first),
            )
        return self._op("concat", values=[first, second], axis=2), scores

    def _suppressed(self, boxes: Any, scores: Any) -> list[Any]:
        rule = self._rule
        classes, most = rule.classes, rule.most
        likely = self._op("greater_equal", x=scores, y=np.float32(rule.least_score))
        likely_scores = self._op("mul", x=scores, y=self._op("cast", x=likely, dtype="fp32"))
        rows, kept, places = self._kept(
            self._op("tile", x=boxes, reps=[classes, 1, 1]), self._op("transpose", x=likely_scores, perm=[2, 1, 0])
        )
        counted = self._op("cast", x=self._op("greater", x=places, y=np.int32(-1)), dtype="fp32")
        certain = self._op("mul", x=self._op("reshape", x=kept, shape=[classes, most]), y=counted)
        best, chosen = self._op("topk", x=self._op("reshape", x=certain, shape=[1, classes * most]), k=most, axis=1)
        there = self._op("cast", x=self._op("greater", x=best, y=np.float32(0)), dtype="fp32")
        rows = self._op("reshape", x=rows, shape=[classes * most, 4])
        found = self._op("gather", x=rows, indices=self._op("reshape", x=chosen, shape=[most]), axis=0)
        each = self._op("mul", x=found, y=self._op("reshape", x=there, shape=[most, 1]))
        table = self._op("expand_dims", x=each, axes=[0])
        centres, halves = self._columns(table, 0, 2), self._op("mul", x=self._columns(table, 2, 4), y=np.float32(0.5))
        corners = [self._op("sub", x=centres, y=halves), self._op("add", x=centres, y=halves)]
        in_order = self._op("concat", values=corners, axis=2)
        kinds = self._op("cast", x=self._op("floor_div", x=chosen, y=np.int32(most)), dtype="fp32")
        found_all = [
            self._op("gather", x=in_order, indices=np.array([1, 0, 3, 2], np.int32), axis=2),
            self._op("mul", x=kinds, y=there),
            self._op("mul", x=best, y=there),
            self._op("reduce_sum", x=there, axes=[1], keep_dims=False),
        ]
        for var, given in zip(found_all, self._signature.outputs, strict=True):
            var.name = given.name
        return found_all

    def _kept(self, boxes: Any, scores: Any) -> tuple[Any, Any, Any]:
        """Boxes ``(classes, most, 4)``, scores ``(classes, most, 1)`` and places ``(classes, most)``: -1 where none is
        left."""
        given = {"iou_threshold": np.float32(self._rule.most_iou), "max_boxes": np.int32(self._rule.most)}
        if self._is_ios17:
            last = {"boxes": boxes, "scores": scores}
            turned = {name: self._op("transpose", x=one, perm=[0, 2, 1]) for name, one in last.items()}
            rows, kept, places = self._op("non_maximum_suppression", **turned, **given)
            return self._op("transpose", x=rows, perm=[0, 2, 1]), kept, places
        given["score_threshold"] = np.float32(self._rule.least_score)
        rows, kept, places, counts = self._op("non_maximum_suppression", boxes=boxes, scores=scores, **given)
        numbers = np.arange(self._rule.most, dtype=np.int32)[None]
        counted = self._op("less", x=numbers, y=self._op("expand_dims", x=counts, axes=[1]))
        return rows, kept, self._op("select", cond=counted, a=places, b=np.int32(-1))

    def _columns(self, table: Any, begin: int, end: int) -> Any:
        return self._op("slice_by_index", x=table, begin=[0, 0, begin], end=[1, table.shape[1], end])

    def _op(self, kind: str, **arguments: Any) -> Any:
        """An operation at the end of the block; its name, and those of its constants, begin with the prefix."""
        self._count += 1
        return getattr(mb, kind)(**arguments, name=f"{DETECTION_NAMES}{self._count}")
