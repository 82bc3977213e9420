"""A TFLite file that can be damaged: float, or INT8."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from ca_deploy.graphs import flatbuffer
from tests.evaluation.damages.editable import (
    Arithmetic,
    Change,
    Editable,
    Floats,
    Layer,
    Place,
    execution_order,
    requantised,
)

_FLOAT32, _INT8, _INT32 = schema.TensorType.FLOAT32, schema.TensorType.INT8, schema.TensorType.INT32
_DTYPES = {_FLOAT32: np.float32, _INT8: np.int8, _INT32: np.int32}
_OPERATORS = {"add": "ADD", "mul": "MUL", "min": "MINIMUM", "max": "MAXIMUM", "pow": "POW", "round": "ROUND"}
_OPERATORS |= {"sigmoid": "LOGISTIC", "take": "GATHER", "permute": "TRANSPOSE"}
_OPTIONS = {"ADD": "AddOptions", "MUL": "MulOptions", "MINIMUM": "MaximumMinimumOptions", "POW": "PowOptions"}
_OPTIONS |= {"MAXIMUM": "MaximumMinimumOptions", "GATHER": "GatherOptions", "TRANSPOSE": "TransposeOptions"}
_VERSIONS = {"DEQUANTIZE": 2}
_ACTIVATIONS = ("RELU", "RELU6")


class TfliteFile(Editable):
    suffix = ".tflite"

    def __init__(self, path: Path) -> None:
        self.model = flatbuffer.read(path.read_bytes())
        self.graph = self.model.subgraphs[0]
        self._original = list(self.graph.operators)
        self.graph.operators = list(self._original)

    def kind(self, operator: Any) -> str:
        return flatbuffer.operator_name(self.model, operator)

    @cached_property
    def _made(self) -> dict[int, Any]:
        return {int(index): operator for operator in self.graph.operators for index in operator.outputs}

    def readers(self, index: int) -> list[Any]:
        """Those of the undamaged file."""
        return [operator for operator in self._original if index in list(operator.inputs)]

    @property
    def input(self) -> Place:
        return self._place(int(self.graph.inputs[0]))

    @property
    def output(self) -> Place:
        place = self._place(int(self.graph.outputs[0]))
        return Place(place.handle, "NCHW"[: len(place.shape)], place.shape)

    @cached_property
    def layers(self) -> Sequence[Layer]:
        return [self._layer(one) for one in self.graph.operators if self.kind(one) in flatbuffer.WEIGHTED]

    @property
    def gates(self) -> Mapping[str, Place]:
        found: dict[str, Place] = {}
        for operator in self.graph.operators:
            if self.kind(operator) == "LOGISTIC":
                layer = flatbuffer.tensor_name(self.model, int(operator.inputs[0]))
                for gate in ("conv_h", "conv_w"):
                    if f".{gate};" in layer:
                        found.setdefault(gate, self._place(int(operator.outputs[0])))
        return found

    @property
    def squeezed(self) -> tuple[Place, Place]:
        sliced = next(one for one in self.graph.operators if self.kind(one) == "SLICE")
        after = int(sliced.inputs[0])
        made = self._made[after]
        while self.kind(made) not in flatbuffer.WEIGHTED:
            made = self._made[int(made.inputs[0])]
        return self._place(int(made.outputs[0])), self._place(after)

    @property
    def skip(self) -> tuple[Place, Place]:
        order = {int(index): number for number, one in enumerate(self.graph.operators) for index in one.outputs}
        for operator in self.graph.operators:
            operands = [int(index) for index in operator.inputs]
            if self.kind(operator) == "ADD" and all(index in order for index in operands):
                earlier = min(operands, key=order.__getitem__)
                return self._place(int(operator.outputs[0])), self._place(earlier)
        raise LookupError("no sum of two computed tensors")

    def set_layer(self, layer: Layer, weight: Floats, bias: Floats) -> None:
        operator = layer.key
        weights, biases = (self.graph.tensors[index] for index in operator.inputs[1:3])
        if weights.type == _FLOAT32:
            self._set(weights, self._as_stored(operator, weight).astype(np.float32))
            self._set(biases, bias.astype(np.float32))
            return
        old = np.array(weights.quantization.scale, np.float64)
        integers, new = requantised(weight, old)
        bias_scale = np.array(biases.quantization.scale, np.float64) / old * new
        self._set(weights, self._as_stored(operator, integers))
        weights.quantization.scale = [float(one) for one in new]
        self._set(biases, np.rint(bias / bias_scale).astype(np.int32))
        biases.quantization.scale = [float(one) for one in bias_scale]

    def change(self, place: Place, change: Change) -> None:
        index, tensor = place.handle, self.graph.tensors[place.handle]
        arithmetic = _TfliteArithmetic(self)
        is_output = index == int(self.graph.outputs[0])
        if is_output:  # keeps its index and name; what made it makes another tensor
            made, inner = self._made[index], arithmetic.tensor(tensor.shape)
            made.outputs = [inner]
            arithmetic.node("MUL", [change(arithmetic, inner), arithmetic.operand(1.0)], index)
            return
        readers = self.readers(index)
        if tensor.type == _FLOAT32:
            found = change(arithmetic, index)
        else:
            computed = change(arithmetic, arithmetic.read(place))
            found = arithmetic.node("QUANTIZE", [computed], arithmetic.tensor(tensor.shape, like=tensor))
        for operator in readers:
            operator.inputs = [found if one == index else one for one in operator.inputs]

    def write(self, path: Path) -> Path:
        operators = self.graph.operators
        nodes = [([int(one) for one in node.inputs], [int(one) for one in node.outputs]) for node in operators]
        self.graph.operators = [operators[number] for number in execution_order(nodes)]
        path.write_bytes(flatbuffer.write(self.model))
        return path

    def _layer(self, operator: Any) -> Layer:
        weight = self._values(int(operator.inputs[1]))
        options, kind = operator.builtinOptions, self.kind(operator)
        if kind == "DEPTHWISE_CONV_2D":
            weight = weight.transpose(3, 0, 1, 2)
        elif kind == "CONV_2D":
            weight = weight.transpose(0, 3, 1, 2)
        else:
            weight = weight[:, :, None, None]
        strides = (1, 1) if kind == "FULLY_CONNECTED" else (options.strideH, options.strideW)
        output = int(operator.outputs[0])
        readers = self.readers(output)
        if len(readers) == 1 and self.kind(readers[0]) in _ACTIVATIONS:
            output = int(readers[0].outputs[0])
        name, depthwise = flatbuffer.tensor_name(self.model, output), kind == "DEPTHWISE_CONV_2D"
        bias = self._values(int(operator.inputs[2]))
        return Layer(name, weight, bias, strides, depthwise, self._place(output), operator)

    def _as_stored(self, operator: Any, weight: NDArray[Any]) -> NDArray[Any]:
        """Weights ``(O, I, kH, kW)`` in the operator's own order."""
        kind = self.kind(operator)
        if kind == "DEPTHWISE_CONV_2D":
            return weight.transpose(1, 2, 3, 0)
        return weight.transpose(0, 2, 3, 1) if kind == "CONV_2D" else weight[:, :, 0, 0]

    def _values(self, index: int) -> Floats:
        tensor = self.graph.tensors[index]
        data = bytes(self.model.buffers[tensor.buffer].data)
        values = np.frombuffer(data, _DTYPES[tensor.type]).reshape(tensor.shape).astype(np.float64)
        if tensor.type == _FLOAT32:
            return values
        scale, axis = np.array(tensor.quantization.scale, np.float64), tensor.quantization.quantizedDimension
        return values * (scale.reshape([-1 if one == axis else 1 for one in range(values.ndim)]))

    def _place(self, index: int) -> Place:
        tensor = self.graph.tensors[index]
        shape = tuple(int(side) for side in tensor.shape)
        axes = "NHWC" if len(shape) == 4 else "NC"
        if tensor.type == _FLOAT32:
            return Place(index, axes, shape)
        step, zero = float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])
        return Place(index, axes, shape, step, (-128 - zero) * step)

    def _set(self, tensor: Any, values: NDArray[Any]) -> None:
        """In a buffer of its own: several tensors may share one."""
        self.model.buffers.append(schema.BufferT(data=np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)))
        tensor.buffer = len(self.model.buffers) - 1


class _TfliteArithmetic(Arithmetic):
    def __init__(self, file: TfliteFile) -> None:
        self._file = file

    def apply(self, operator: str, *operands: Any, **attributes: Any) -> int:
        kind, x = _OPERATORS[operator], operands[0]
        if operator == "take":
            indices = self._integers(operands[1])
            taken = list(self._shape(x))
            taken[attributes["axis"]] = len(operands[1])
            return self.node(kind, [x, indices], self.tensor(taken), axis=attributes["axis"])
        if operator == "permute":
            order = attributes["order"]
            turned = [self._shape(x)[number] for number in order]
            return self.node(kind, [x, self._integers(order)], self.tensor(turned))
        given = [self.operand(one) for one in operands]
        shape = np.broadcast_shapes(*(self._shape(one) for one in given))
        return self.node(kind, given, self.tensor(shape))

    def read(self, place: Place) -> int:
        tensor = self._file.graph.tensors[place.handle]
        if tensor.type == _FLOAT32:
            return int(place.handle)
        return self.node("DEQUANTIZE", [place.handle], self.tensor(tensor.shape))

    def tensor(self, shape: Any, like: Any = None) -> int:
        made = schema.TensorT()
        tensors = self._file.graph.tensors
        made.name, made.shape, made.buffer = f"damage;{len(tensors)}".encode(), [int(side) for side in shape], 0
        made.type, made.quantization = (_FLOAT32, None) if like is None else (like.type, like.quantization)
        tensors.append(made)
        return len(tensors) - 1

    def operand(self, value: Any) -> int:
        """A tensor as it is; a constant (float or array of float32) as a new one."""
        if isinstance(value, int):
            return value
        return flatbuffer.add_constant(
            self._file.model, f"damage;{len(self._file.graph.tensors)}", np.array(value, np.float32)
        )

    def node(self, kind: str, inputs: list[int], output: int, axis: int = 0) -> int:
        options: Any = getattr(schema, f"{_OPTIONS[kind]}T")() if kind in _OPTIONS else None
        if kind == "GATHER":
            options.axis = axis
        version = _VERSIONS.get(kind, 1)
        made = flatbuffer.new_operator(self._file.model, kind, inputs, [output], options, version)
        self._file.graph.operators.append(made)
        return output

    def _shape(self, index: int) -> tuple[int, ...]:
        return tuple(int(side) for side in self._file.graph.tensors[index].shape)

    def _integers(self, values: Any) -> int:
        index = self.tensor((len(values),))
        tensor = self._file.graph.tensors[index]
        tensor.type = _INT32
        self._file._set(tensor, np.array(values, np.int32))
        return index
