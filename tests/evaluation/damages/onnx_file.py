"""An ONNX file that can be damaged: float, or INT8 with QuantizeLinear and DequantizeLinear."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper, shape_inference

from tests.evaluation.damages.editable import Arithmetic, Change, Editable, Floats, Layer, Place, execution_order
from tests.evaluation.damages.editable import requantised as to_int8

_OPERATORS = {"add": "Add", "mul": "Mul", "min": "Min", "max": "Max", "pow": "Pow", "round": "Round"}
_OPERATORS |= {"sigmoid": "Sigmoid", "take": "Gather", "permute": "Transpose"}
_ACTIVATIONS = ("Relu", "Clip")


class OnnxFile(Editable):
    suffix = ".onnx"

    def __init__(self, path: Path) -> None:
        self.model = shape_inference.infer_shapes(onnx.load(path))
        self.graph = self.model.graph
        self._original = list(self.graph.node)
        self._shapes = {
            value.name: tuple(side.dim_value for side in value.type.tensor_type.shape.dim)
            for value in (*self.graph.value_info, *self.graph.input, *self.graph.output)
        }

    @cached_property
    def constants(self) -> dict[str, NDArray[Any]]:
        return {one.name: numpy_helper.to_array(one) for one in self.graph.initializer}

    @cached_property
    def _made(self) -> dict[str, Any]:
        return {name: node for node in self.graph.node for name in node.output}

    def readers(self, name: str) -> list[Any]:
        """Those of the undamaged file."""
        return [node for node in self._original if name in node.input]

    @property
    def input(self) -> Place:
        return self._place(self.graph.input[0].name)

    @property
    def output(self) -> Place:
        return self._place(self.graph.output[0].name)

    @cached_property
    def layers(self) -> Sequence[Layer]:
        return [self._layer(node) for node in self.graph.node if node.op_type in ("Conv", "Gemm")]

    @property
    def gates(self) -> Mapping[str, Place]:
        found: dict[str, Place] = {}
        for node in self.graph.node:
            if node.op_type == "Sigmoid":
                layer = self._made[self._float(node.input[0])].name
                for gate in ("conv_h", "conv_w"):
                    if f".{gate}/" in layer:
                        found.setdefault(gate, self._place(node.output[0]))
        return found

    @property
    def squeezed(self) -> tuple[Place, Place]:
        node = next(node for node in self.graph.node if node.op_type == "Split")
        after = self._float(node.input[0])
        made = self._made[after]
        while made.op_type not in ("Conv", "Gemm"):
            made = self._made[self._float(made.input[0])]
        return self._place(made.output[0]), self._place(after)

    @property
    def skip(self) -> tuple[Place, Place]:
        order = {name: number for number, node in enumerate(self.graph.node) for name in node.output}
        for node in self.graph.node:
            operands = [self._float(name) for name in node.input]
            maps = all(name in self._made and len(self._shapes.get(name, ())) == 4 for name in operands)
            if node.op_type == "Add" and maps:
                return self._place(node.output[0]), self._place(min(operands, key=order.__getitem__))
        raise LookupError("no sum of two computed tensors")

    def set_layer(self, layer: Layer, weight: Floats, bias: Floats) -> None:
        node = layer.key
        if node.op_type == "Gemm":
            weight = weight[:, :, 0, 0]
            if not _attribute(node, "transB"):
                weight = weight.T
        source = self._made.get(node.input[1])
        if source is None:
            self._set(node.input[1], weight.astype(np.float32))
            self._set(node.input[2], bias.astype(np.float32))
            return
        values, scale, _ = source.input
        old = np.atleast_1d(self.constants[scale]).astype(np.float64)
        integers, new = to_int8(weight, old)
        of_bias = self._made[node.input[2]]
        bias_scale = np.atleast_1d(self.constants[of_bias.input[1]]).astype(np.float64) / old * new
        self._set(values, integers)
        self._set(scale, new.reshape(self.constants[scale].shape).astype(np.float32))
        self._set(of_bias.input[0], np.rint(bias / bias_scale).astype(np.int32))
        self._set(of_bias.input[1], bias_scale.reshape(self.constants[of_bias.input[1]].shape).astype(np.float32))

    def change(self, place: Place, change: Change) -> None:
        name = place.handle
        arithmetic = _OnnxArithmetic(self)
        quantise = self._quantiser(name)
        if quantise is not None:
            stored = quantise.output[0]
            readers = self.readers(stored)
            x = arithmetic.node("DequantizeLinear", stored, *quantise.input[1:])
            found = arithmetic.node("QuantizeLinear", change(arithmetic, x), *quantise.input[1:])
            _redirect(readers, stored, found)
        elif name == self.graph.output[0].name:
            self._made[name].output[0] = f"{name}_undamaged"
            found = change(arithmetic, f"{name}_undamaged")
            arithmetic.add("Identity", [found], name)
        else:
            readers = self.readers(name)
            _redirect(readers, name, change(arithmetic, name))

    def write(self, path: Path) -> Path:
        nodes = list(self.graph.node)
        order = execution_order([(node.input, node.output) for node in nodes])
        del self.graph.node[:]
        self.graph.node.extend(nodes[number] for number in order)
        del self.graph.value_info[:]
        onnx.save(self.model, path)
        return path

    def _layer(self, node: Any) -> Layer:
        weight, bias = self._values(node.input[1]), self._values(node.input[2])
        if node.op_type == "Gemm":
            weight = (weight if _attribute(node, "transB") else weight.T)[:, :, None, None]
        output = node.output[0]
        readers = self.readers(output)
        if len(readers) == 1 and readers[0].op_type in _ACTIVATIONS:
            output = readers[0].output[0]
        strides = tuple(_attribute(node, "strides") or (1, 1))
        depthwise = (_attribute(node, "group") or 1) > 1
        return Layer(node.name, weight, bias, strides, depthwise, self._place(output), node)

    def _values(self, name: str) -> Floats:
        source = self._made.get(name)
        if source is None:
            return self.constants[name].astype(np.float64)
        values, scale = (self.constants[one].astype(np.float64) for one in source.input[:2])
        return values * scale.reshape(-1, *[1] * (values.ndim - 1))

    def _quantiser(self, name: str) -> Any:
        return next((one for one in self.readers(name) if one.op_type == "QuantizeLinear"), None)

    def _float(self, name: str) -> str:
        """The tensor before it was quantised."""
        node = self._made.get(name)
        while node is not None and node.op_type in ("DequantizeLinear", "QuantizeLinear"):
            name = node.input[0]
            node = self._made.get(name)
        return name

    def _place(self, name: str) -> Place:
        shape = self._shapes[name]
        quantise = self._quantiser(name) if name != self.graph.input[0].name else None
        if quantise is None:
            return Place(name, "NCHW"[: len(shape)], shape)
        step, zero = (float(self.constants[one]) for one in quantise.input[1:])
        return Place(name, "NCHW"[: len(shape)], shape, step, (-128 - zero) * step)

    def _set(self, name: str, values: NDArray[Any]) -> None:
        for constant in self.graph.initializer:
            if constant.name == name:
                constant.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), name))


class _OnnxArithmetic(Arithmetic):
    def __init__(self, file: OnnxFile) -> None:
        self._file = file

    def apply(self, operator: str, *operands: Any, **attributes: Any) -> str:
        if operator == "take":
            x, indices = operands
            return self.node("Gather", x, self._constant(np.array(indices, np.int64)), axis=attributes["axis"])
        if operator == "permute":
            return self.node("Transpose", operands[0], perm=list(attributes["order"]))
        given = (one if isinstance(one, str) else self._constant(np.array(one, np.float32)) for one in operands)
        return self.node(_OPERATORS[operator], *given)

    def read(self, place: Place) -> str:
        quantise = self._file._quantiser(place.handle)
        if quantise is None:
            return str(place.handle)
        return self.node("DequantizeLinear", quantise.output[0], *quantise.input[1:])

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.add(kind, list(inputs), f"damage_{len(self._file.graph.node)}", **attributes)

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._file.graph.node.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def _constant(self, values: NDArray[Any]) -> str:
        name = f"damage_constant_{len(self._file.graph.initializer)}"
        self._file.graph.initializer.append(numpy_helper.from_array(values, name))
        return name


def _attribute(node: Any, name: str) -> Any:
    return next((helper.get_attribute_value(one) for one in node.attribute if one.name == name), None)


def _redirect(readers: Sequence[Any], old: str, new: str) -> None:
    for node in readers:
        for number, name in enumerate(node.input):
            if name == old:
                node.input[number] = new
