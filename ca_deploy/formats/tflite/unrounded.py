"""An INT8 TFLite file without the steps of its integers: every range stays, nothing is rounded to a scale."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ca_deploy.graphs import flatbuffer
from ca_deploy.records.counterpart import Counterpart
from ca_deploy.runtimes import open_session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ca_deploy.runtimes import Session

_TYPES = schema.TensorType
_INTEGERS: dict[int, Any] = {
    _TYPES.INT8: np.int8,
    _TYPES.UINT8: np.uint8,
    _TYPES.INT16: np.int16,
    _TYPES.INT32: np.int32,
    _TYPES.INT64: np.int64,
}
_OF_BIAS = (_TYPES.INT32, _TYPES.INT64)


def open_unrounded(path: Path, folder: Path, wanted: Counterpart) -> "Session | None":
    """The file's float counterpart, written to ``folder``; None where nothing in it is quantised, or where it has
    several subgraphs.

    Inputs keep their type. Each activation is clipped to the range of its integers, unless that is wanted wide: every
    activation function of a TFLite file is an operator's own.
    """
    model = flatbuffer.read(path.read_bytes())
    if len(model.subgraphs) > 1:
        return None
    if not _Unrounding(model, wanted).carry_out():
        return None
    target = folder / f"unrounded{path.suffix}"
    target.write_bytes(flatbuffer.write(model))
    return open_session(target, "litert", known=True)


class _Unrounding:
    """Changes a model in place."""

    def __init__(self, model: Any, wanted: Counterpart) -> None:
        self._model, self._wanted = model, wanted
        self._graph = model.subgraphs[0]

    def carry_out(self) -> bool:
        """Whether anything was quantised."""
        graph, given = self._graph, set(self._graph.inputs)
        ranges, found = {}, False
        for index, tensor in enumerate(graph.tensors):
            if not _quantised(tensor):
                continue
            if (values := self._constant(tensor)) is not None:
                self._store(tensor, values)
                found = True
            elif tensor.type not in _OF_BIAS:
                ranges[index] = _range(tensor)
                if index not in given:
                    tensor.type, tensor.quantization = _TYPES.FLOAT32, None
        renamed = {index: self._tensor(graph.tensors[index].shape) for index in given & ranges.keys()}
        operators = [
            flatbuffer.new_operator(self._model, "DEQUANTIZE", [index], [inner]) for index, inner in renamed.items()
        ]
        ranges |= {inner: ranges[index] for index, inner in renamed.items()}
        for operator in graph.operators:
            operator.inputs = [renamed.get(int(index), index) for index in operator.inputs]
            operators += self._in_float(operator, ranges)
        graph.operators = operators
        return found or bool(ranges)

    def _in_float(self, operator: Any, ranges: dict[int, tuple[float, float]]) -> list[Any]:
        """The operator, and what clips its outputs; conversions between scales and types are nothing but that."""
        following: list[Any] = []
        outputs = [int(index) for index in operator.outputs]
        taken = {ranges.get(int(index)) for index in operator.inputs}
        for place, index in enumerate(outputs):
            if self._wanted.wide or index not in ranges or ranges[index] in taken:
                continue
            computed, below = (self._tensor(self._graph.tensors[index].shape) for _ in range(2))
            outputs[place] = computed
            low, high = (self._scalar(end) for end in ranges[index])
            following.append(flatbuffer.new_operator(self._model, "MINIMUM", [computed, high], [below]))
            following.append(flatbuffer.new_operator(self._model, "MAXIMUM", [below, low], [index]))
        operator.outputs = outputs
        if flatbuffer.operator_name(self._model, operator) in ("QUANTIZE", "DEQUANTIZE"):
            source = self._graph.tensors[operator.inputs[0]]
            if source.type == _TYPES.FLOAT32:
                one = self._scalar(1.0)
                operator = flatbuffer.new_operator(
                    self._model, "MUL", [operator.inputs[0], one], outputs[:1], schema.MulOptionsT()
                )
        return [operator, *following]

    def _constant(self, tensor: Any) -> "NDArray[np.float64] | None":
        """The real values of a quantised constant, moved as they shall be; None for a computed tensor."""
        data = self._model.buffers[tensor.buffer].data
        if data is None or not len(data):
            return None
        values = np.frombuffer(bytes(data), _INTEGERS[tensor.type]).reshape(tensor.shape).astype(np.float64)
        step, zero = (_along(tensor, ends) for ends in (tensor.quantization.scale, tensor.quantization.zeroPoint))
        real = (values - zero) * step
        return real if tensor.type in _OF_BIAS else self._wanted.moved(real, step)

    def _store(self, tensor: Any, values: "NDArray[np.float64]") -> None:
        """In a buffer of its own: several tensors may share one."""
        data = np.frombuffer(values.astype(np.float32).tobytes(), np.uint8)
        self._model.buffers.append(schema.BufferT(data=data))
        tensor.buffer = len(self._model.buffers) - 1
        tensor.type, tensor.quantization = _TYPES.FLOAT32, None

    def _tensor(self, shape: Any) -> int:
        made, tensors = schema.TensorT(), self._graph.tensors
        made.name, made.shape, made.type, made.buffer = f"unrounded;{len(tensors)}".encode(), shape, _TYPES.FLOAT32, 0
        tensors.append(made)
        return len(tensors) - 1

    def _scalar(self, value: float) -> int:
        name = f"unrounded;{len(self._graph.tensors)}"
        return flatbuffer.add_constant(self._model, name, np.array(value, np.float32))


def _quantised(tensor: Any) -> bool:
    found = tensor.quantization
    return tensor.type in _INTEGERS and found is not None and found.scale is not None and len(found.scale) > 0


def _range(tensor: Any) -> tuple[float, float]:
    """The lowest and highest real value of an activation."""
    limits, step = np.iinfo(_INTEGERS[tensor.type]), float(tensor.quantization.scale[0])
    zero = int(tensor.quantization.zeroPoint[0])
    return (limits.min - zero) * step, (limits.max - zero) * step


def _along(tensor: Any, values: Any) -> "NDArray[np.float64]":
    """Scales or zero points in a shape that broadcasts to the tensor's."""
    found = np.asarray(values, np.float64)
    if found.size == 1:
        return found.reshape(())
    axis, rank = tensor.quantization.quantizedDimension, len(tensor.shape)
    return found.reshape([-1 if one == axis else 1 for one in range(rank)])
