"""``TFLite_Detection_PostProcess`` behind a detector's outputs: what ``--head nms`` adds to a file.

The custom operator decodes encodings (y, x, h, w) relative to anchors, and suppresses; LiteRT and TensorFlow Lite have
its kernel in their standard sets (``tensorflow/lite/kernels/detection_postprocess.cc``). It takes float32.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from ca_deploy.formats._layers import FINDS_DETECTIONS
from ca_deploy.graphs import POST_PROCESS, flatbuffer
from ca_deploy.records.boxes import LARGEST_EXPONENT, BoxCoding, Suppression
from ca_deploy.records.conversion import FloatOperator
from ca_deploy.records.module_path import DETECTIONS
from ca_deploy.records.signature import Signature

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NO_LIMIT = float(np.finfo(np.float32).max)
_SMALLEST = 1e-9  # side of a box, before its logarithm
_Y_FIRST = np.array([1, 0, 3, 2], np.int32)  # of x, y, w, h


def with_detections(model: Any, signature: Signature) -> tuple[FloatOperator, ...]:
    """Let a model of a detector's raw float outputs give what is left of their boxes, in place; returns what is added.

    ``signature`` is the finished network's; without ``suppression``, nothing is done. Places that do not count are 0.
    Of equal scores of one class, the earlier box comes first; of several classes, any.
    """
    rule, coding = signature.suppression, signature.boxes
    if rule is None or coding is None:
        return ()
    graph = model.subgraphs[0]
    before = len(graph.operators)
    named = {flatbuffer.tensor_name(model, index): index for index in graph.outputs}
    tail = _Tail(model, rule, coding)
    taken = tail.encodings_and_scores(named[rule.boxes], named[rule.scores], _sides(signature))
    shapes = [given.shape for given in signature.outputs]
    outputs = [tail.tensor(shape) for shape in shapes]
    graph.operators.append(_post_process(model, rule, coding, taken, outputs))
    _give(model, outputs, [given.name for given in signature.outputs])
    names = [flatbuffer.operator_name(model, operator) for operator in graph.operators[before:]]
    return tuple(FloatOperator(name, names.count(name), FINDS_DETECTIONS) for name in dict.fromkeys(names))


def without_detections(path: Path, folder: Path, outputs: Sequence[str]) -> Path:
    """The file without them, written to ``folder``: it gives ``outputs``, as the network itself does."""
    model = flatbuffer.read(path.read_bytes())
    graph = model.subgraphs[0]
    graph.operators = [one for one in graph.operators if not _is_added(model, one)]
    named = {flatbuffer.tensor_name(model, index): index for index in range(len(graph.tensors))}
    _give(model, [named[name] for name in outputs], outputs)
    target = folder / f"unfinished{path.suffix}"
    target.write_bytes(flatbuffer.write(model))
    return target


def _is_added(model: Any, operator: Any) -> bool:
    name = flatbuffer.tensor_name(model, operator.outputs[0])
    return flatbuffer.operator_name(model, operator) == POST_PROCESS or name.startswith(f"{DETECTIONS};")


def _give(model: Any, outputs: Sequence[int], names: Sequence[str]) -> None:
    """Other outputs of the model than before, by name."""
    mappings = [schema.TensorMapT() for _ in outputs]
    model.subgraphs[0].outputs = list(outputs)
    model.signatureDefs[0].outputs = mappings
    for mapping, index, name in zip(mappings, outputs, names, strict=True):
        mapping.name, mapping.tensorIndex = name.encode(), index
        model.subgraphs[0].tensors[index].name = name.encode()


def _sides(signature: Signature) -> "NDArray[np.float32]":
    photo = signature.photo_or_refuse("--head nms")
    return np.array([photo.width, photo.height] * 2, np.float32)


class _Tail:
    """Operators behind a model, which it is given one after the other."""

    def __init__(self, model: Any, rule: Suppression, coding: BoxCoding) -> None:
        self._model, self._rule, self._coding = model, rule, coding
        self._graph = model.subgraphs[0]

    def encodings_and_scores(self, boxes: int, scores: int, sides: "NDArray[np.float32]") -> list[int]:
        """The three tensors that the custom operator takes."""
        coding, classes = self._coding, self._rule.classes
        if boxes == scores:
            anchors = self._shape(boxes)[2]
            order = self.constant(np.array([0, 2, 1], np.int32))
            values = 4 + classes
            rows = self.then("TRANSPOSE", [boxes, order], (1, anchors, values), schema.TransposeOptionsT())
            boxes, scores = self._columns(rows, 0, 4), self._columns(rows, 4, classes)
        if coding.unit == "pixels":
            boxes = self._with("MUL", boxes, np.float32(1) / sides, schema.MulOptionsT())
        if coding.boxes == "offsets":
            limits = [_NO_LIMIT] * 2 + [LARGEST_EXPONENT / variance for variance in coding.variances[2:]]
            boxes = self._with("MINIMUM", boxes, np.array(limits, np.float32), schema.MaximumMinimumOptionsT())
            anchors_at = coding.anchor_array()[:, _Y_FIRST]
        else:
            boxes = self._as_encodings(boxes)
            anchors_at = np.tile(np.array([0, 0, 1, 1], np.float32), (self._shape(boxes)[1], 1))
        order = self.constant(_Y_FIRST)
        encodings = self.then("GATHER", [boxes, order], self._shape(boxes), schema.GatherOptionsT(axis=2))
        if coding.scores == "softmax":
            scores = self.then("SOFTMAX", [scores], self._shape(scores), schema.SoftmaxOptionsT(beta=1.0))
        elif coding.scores == "sigmoid":
            scores = self.then("LOGISTIC", [scores], self._shape(scores))
        return [encodings, scores, self.constant(np.ascontiguousarray(anchors_at, np.float32))]

    def _as_encodings(self, boxes: int) -> int:
        """Centres with the logarithms of the sides, of centres or corners: relative to an anchor of the whole image."""
        first, second = self._columns(boxes, 0, 2), self._columns(boxes, 2, 2)
        shape = self._shape(first)
        if self._coding.boxes == "corners":
            both = self.then("ADD", [first, second], shape, schema.AddOptionsT())
            second = self.then("SUB", [second, first], shape, schema.SubOptionsT())
            first = self._with("MUL", both, np.full(2, 0.5, np.float32), schema.MulOptionsT())
        smallest = np.full(2, _SMALLEST, np.float32)
        sides = self._with("MAXIMUM", second, smallest, schema.MaximumMinimumOptionsT())
        logarithms = self.then("LOG", [sides], shape)
        options = schema.ConcatenationOptionsT(axis=2)
        return self.then("CONCATENATION", [first, logarithms], self._shape(boxes), options)

    def _columns(self, table: int, begin: int, count: int) -> int:
        rows = self._shape(table)[1]
        ends = [self.constant(np.array(values, np.int32)) for values in ([0, 0, begin], [1, rows, count])]
        return self.then("SLICE", [table, *ends], (1, rows, count), schema.SliceOptionsT())

    def _with(self, kind: str, table: int, values: "NDArray[np.float32]", options: Any) -> int:
        """An operation of each row of a table with a constant."""
        return self.then(kind, [table, self.constant(values)], self._shape(table), options)

    def then(self, kind: str, inputs: Sequence[int], shape: Sequence[int], options: Any = None) -> int:
        result = self.tensor(shape)
        self._graph.operators.append(flatbuffer.new_operator(self._model, kind, inputs, [result], options))
        return result

    def tensor(self, shape: Sequence[int]) -> int:
        made, tensors = schema.TensorT(), self._graph.tensors
        made.name, made.shape, made.buffer = f"{DETECTIONS};{len(tensors)}".encode(), list(shape), 0
        made.type = schema.TensorType.FLOAT32
        tensors.append(made)
        return len(tensors) - 1

    def constant(self, values: "NDArray[np.float32] | NDArray[np.int32]") -> int:
        return flatbuffer.add_constant(self._model, f"{DETECTIONS};{len(self._graph.tensors)}", values)

    def _shape(self, index: int) -> list[int]:
        return [int(side) for side in self._graph.tensors[index].shape]


def _post_process(
    model: Any, rule: Suppression, coding: BoxCoding, inputs: Sequence[int], outputs: Sequence[int]
) -> Any:
    x, y, w, h = coding.variances if coding.boxes == "offsets" else (1.0,) * 4
    code, made = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode, code.customCode, code.version = schema.BuiltinOperator.CUSTOM, POST_PROCESS.encode(), 1
    code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    model.operatorCodes.append(code)
    made.opcodeIndex, made.inputs, made.outputs = len(model.operatorCodes) - 1, list(inputs), list(outputs)
    options = {
        "max_detections": rule.most,
        "max_classes_per_detection": 1,  # read, but of the fast, class-agnostic form only
        "detections_per_class": rule.most,
        "use_regular_nms": True,
        "nms_score_threshold": rule.least_score,
        "nms_iou_threshold": rule.most_iou,
        "num_classes": rule.classes,  # one less than the scores where the background is the first
        "y_scale": 1 / y,
        "x_scale": 1 / x,
        "h_scale": 1 / h,
        "w_scale": 1 / w,
    }
    made.customOptions = list(flexbuffers.Dumps(options))
    made.customOptionsFormat = schema.CustomOptionsFormat.FLEXBUFFERS
    return made
