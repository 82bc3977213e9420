"""An INT8 ONNX file without the steps of its integers: every range stays, nothing is rounded to a scale."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ca_deploy.formats.onnx.clamps import Clamps, dropped_clamps
from ca_deploy.graphs.onnx_nodes import all_nodes
from ca_deploy.records.counterpart import Counterpart
from ca_deploy.runtimes import open_session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ca_deploy.runtimes import Session


def open_unrounded(path: Path, folder: Path, wanted: Counterpart) -> "Session | None":
    """The file's float counterpart, written to ``folder``; None where nothing in it is quantised.

    QuantizeLinear becomes Clip to the range of its integers, if anything, and DequantizeLinear what it does to real
    numbers. A wide range still clamps what the file remembers; of one that remembers nothing, it ends at 0 if it ended
    there, and at 6 if it ended below: ONNX Runtime's quantiser may have dropped a Relu or ReLU6 before it.
    """
    model = onnx.load(path)
    if not _without_steps(model, wanted):
        return None
    target = folder / f"unrounded{path.suffix}"
    onnx.save(model, target)
    return open_session(target, "onnxruntime:default", known=True)


_UP_TO_6 = 6 * (1 + 1e-5)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Of a QuantizeLinear or DequantizeLinear; real = (integer - zero) * step."""

    step: "NDArray[np.float64]"
    zero: "NDArray[np.float64]"
    dtype: "np.dtype[Any]"

    @property
    def of_whole(self) -> "_Scale | None":
        """As one number, if all channels have the same; quantise.py repeats it before convolutions that stay float."""
        step, zero = np.unique(self.step), np.unique(self.zero)
        return _Scale(step[0], zero[0], self.dtype) if step.size == zero.size == 1 else None

    @property
    def limits(self) -> "tuple[float, float]":
        """Of a whole tensor, in real numbers."""
        info = np.iinfo(self.dtype)
        low, high = (float((end - self.zero) * self.step) for end in (info.min, info.max))
        return low, high

    def wide_limits(self, tensor: str, clamps: Clamps | None) -> "tuple[float | None, float | None]":
        """Those that a dropped activation function sets."""
        if clamps is None:
            low, high = self.limits
            return (None, None) if low < 0 else (0.0, 6.0 if high <= _UP_TO_6 else None)
        return clamps.get(tensor, (None, None))


def _without_steps(model: onnx.ModelProto, wanted: Counterpart) -> bool:
    graph = model.graph
    constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    free, clamps = _freed(model, constants), dropped_clamps(model)
    nodes, found = [], bool(free)
    for node in graph.node:
        scale = _scale_of(node, constants)
        if scale is not None and node.op_type == "QuantizeLinear" and node.output[0] in free:
            own = free[node.output[0]]
            limits = own.wide_limits(node.input[0], clamps) if wanted.wide else own.limits
            ends = [
                "" if end is None else _constant(graph, f"{node.output[0]}_{at}", end) for at, end in enumerate(limits)
            ]
            operator, inputs = ("Clip", [node.input[0], *ends]) if any(ends) else ("Identity", node.input[:1])
            nodes.append(helper.make_node(operator, inputs, list(node.output), name=node.name))
        elif scale is not None and node.op_type == "DequantizeLinear" and node.input[0] in free:
            nodes += _as_affine(graph, node, free[node.input[0]], scale.of_whole or scale)
        elif scale is not None and node.op_type == "DequantizeLinear" and node.input[0] in constants:
            values = constants[node.input[0]]
            step, zero = (_along(one, node, values.ndim) for one in (scale.step, scale.zero))
            real = (values.astype(np.float64) - zero) * step
            if values.dtype != np.int32:  # a bias, whose steps are too small to matter
                real, found = wanted.moved(real, step), True
            _constant(graph, node.output[0], real)
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    for output in graph.output:
        if output.name in free:
            output.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    del graph.value_info[:]
    return found


def _freed(model: onnx.ModelProto, constants: "Mapping[str, NDArray[Any]]") -> dict[str, _Scale]:
    """The quantised tensors that only DequantizeLinear and the caller read, with the scale that they are written in."""
    read_otherwise = {
        name for node in all_nodes(model.graph) for name in node.input if _scale_of(node, constants) is None
    }
    found = {}
    for node in model.graph.node:
        scale = _scale_of(node, constants) if node.op_type == "QuantizeLinear" else None
        whole = scale and scale.of_whole
        if whole and node.output[0] not in read_otherwise:
            found[node.output[0]] = whole
    for node in model.graph.node:
        other = _scale_of(node, constants)
        if node.op_type == "DequantizeLinear" and other is not None and other.of_whole is None:
            found.pop(node.input[0], None)
    return found


def _scale_of(node: onnx.NodeProto, constants: "Mapping[str, NDArray[Any]]") -> _Scale | None:
    """None for other nodes, and where scale or zero point are computed, or in blocks."""
    if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
        return None
    if len(node.input) < 3 or not all(name in constants for name in node.input[1:3]):
        return None
    step, zero = (constants[name] for name in node.input[1:3])
    if zero.dtype.kind not in "iu" or _attribute(node, "block_size", 0):
        return None
    return _Scale(step.astype(np.float64), zero.astype(np.float64), zero.dtype)


def _as_affine(graph: onnx.GraphProto, node: onnx.NodeProto, written: _Scale, read: _Scale) -> list[onnx.NodeProto]:
    """What reading a real number in another scale than it was written in makes of it; mostly nothing."""
    name = node.output[0]
    gain = float(read.step / written.step)
    offset = float((written.zero - read.zero) * read.step)
    if (gain, offset) == (1, 0):
        return [helper.make_node("Identity", [node.input[0]], [name], name=node.name)]
    by, plus = _constant(graph, f"{name}_gain", gain), _constant(graph, f"{name}_offset", offset)
    return [
        helper.make_node("Mul", [node.input[0], by], [f"{name}_scaled"], name=f"{node.name}_gain"),
        helper.make_node("Add", [f"{name}_scaled", plus], [name], name=node.name),
    ]


def _along(values: "NDArray[np.float64]", node: onnx.NodeProto, rank: int) -> "NDArray[np.float64]":
    """A scale or zero point in a shape that broadcasts to the tensor's."""
    if values.size == 1:
        return values.reshape(())
    axis = _attribute(node, "axis", 1) % rank
    return values.reshape([-1 if one == axis else 1 for one in range(rank)])


def _attribute(node: onnx.NodeProto, name: str, default: int) -> int:
    return next((int(one.i) for one in node.attribute if one.name == name), default)


def _constant(graph: onnx.GraphProto, name: str, values: Any) -> str:
    graph.initializer.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
    return name
