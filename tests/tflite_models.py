"""TFLite models written operator by operator: what converters would never write, or write only after minutes."""

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ca_deploy.graphs import flatbuffer

FLOAT32, INT8, INT32 = schema.TensorType.FLOAT32, schema.TensorType.INT8, schema.TensorType.INT32
SCALE = 0.05


class Model:
    """Tensors are made int8 (scale 0.05) or float32 by ``dtype``; ``add`` returns the index of its output."""

    def __init__(self, dtype: str = "int8") -> None:
        self.type = {"int8": INT8, "float32": FLOAT32}[dtype]
        self._tensors: list[Any] = []
        self._buffers = [schema.BufferT()]
        self._codes: list[Any] = []
        self._operators: list[Any] = []
        self._inputs: list[int] = []
        self.outputs: list[int] = []

    def tensor(self, shape: tuple[int, ...], name: str = "", scale: float = SCALE, zero: int = 0) -> int:
        tensor = schema.TensorT()
        tensor.name = (name or f"tensor;{len(self._tensors)}").encode()
        tensor.shape, tensor.type, tensor.buffer = list(shape), self.type, 0
        if self.type == INT8:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero]
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def input(self, shape: tuple[int, ...]) -> int:
        self._inputs.append(self.tensor(shape, f"input{len(self._inputs)}"))
        return self._inputs[-1]

    def integers(self, *values: int, shape: tuple[int, ...] | None = None) -> int:
        """An int32 constant: axes, shapes, sizes."""
        array = np.array(values, np.int32)
        index = self._constant(array, array.shape if shape is None else shape)
        self._tensors[index].type, self._tensors[index].quantization = INT32, None
        return index

    def weights(self, shape: tuple[int, ...], channels: int = 0) -> int:
        """Constant weights; in INT8 with one scale per channel along ``channels``, zero points 0."""
        index = self._constant(np.ones(shape, np.int8 if self.type == INT8 else np.float32), shape)
        if self.type == INT8:
            quantisation = self._tensors[index].quantization
            quantisation.scale = [0.01] * shape[channels]
            quantisation.zeroPoint = [0] * shape[channels]
            quantisation.quantizedDimension = channels
        return index

    def bias(self, channels: int) -> int:
        index = self._constant(np.zeros(channels, np.int32 if self.type == INT8 else np.float32), (channels,))
        if self.type == INT8:
            self._tensors[index].type = INT32
            self._tensors[index].quantization.scale = [0.01 * SCALE] * channels
            self._tensors[index].quantization.zeroPoint = [0] * channels
        return index

    def add(
        self,
        operator: str,
        inputs: list[int],
        *shapes: tuple[int, ...],
        options: Any = None,
        version: int = 1,
        name: str = "",
        custom: str = "",
        scale: float = SCALE,
        zero: int = 0,
    ) -> int:
        """Append a node with one output per shape; returns the index of the first."""
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, operator)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
        code.customCode = custom.encode() if custom else None
        self._codes.append(code)
        node = schema.OperatorT()
        node.opcodeIndex, node.inputs = len(self._codes) - 1, inputs
        node.outputs = [self.tensor(shape, name and f"{name};{i}", scale, zero) for i, shape in enumerate(shapes)]
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            node.builtinOptions, node.builtinOptionsType = options, getattr(schema.BuiltinOptions, kind)
        self._operators.append(node)
        return int(node.outputs[0])

    def conv(self, x: int, shape: tuple[int, ...], channels_in: int, name: str = "") -> int:
        """1x1, stride 1: ``shape`` is the output's."""
        options = schema.Conv2DOptionsT()
        options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
        operands = [x, self.weights((shape[-1], 1, 1, channels_in)), self.bias(shape[-1])]
        return self.add("CONV_2D", operands, shape, options=options, version=3 if self.type == INT8 else 1, name=name)

    def save(self, path: Path) -> Path:
        path.write_bytes(self.content())
        return path

    def content(self) -> bytes:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators, graph.name = self._tensors, self._operators, b"main"
        read = {index for node in self._operators for index in node.inputs}
        made = [index for node in self._operators for index in node.outputs]
        graph.inputs, graph.outputs = self._inputs, self.outputs or [i for i in made if i not in read]
        model = schema.ModelT()
        model.version, model.operatorCodes = 3, self._codes
        model.subgraphs, model.buffers = [graph], self._buffers
        return flatbuffer.write(model)

    def model(self) -> Any:
        return flatbuffer.read(self.content())

    def _constant(self, values: Any, shape: tuple[int, ...]) -> int:
        index = self.tensor(shape)
        self._buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
        self._tensors[index].buffer = len(self._buffers) - 1
        return index


def subgraphs(*parts: Model, keys: tuple[str, ...] = ()) -> Any:
    """One model of several, each a subgraph; ``keys`` name the signatures of the first ones."""
    first, *others = [part.model() for part in parts]
    for other in others:
        buffers, codes = len(first.buffers), len(first.operatorCodes)
        first.buffers += other.buffers
        first.operatorCodes += other.operatorCodes
        for tensor in other.subgraphs[0].tensors:
            tensor.buffer += buffers
        for operator in other.subgraphs[0].operators:
            operator.opcodeIndex += codes
        first.subgraphs += other.subgraphs
    first.signatureDefs = [signature(first, key, index) for index, key in enumerate(keys)]
    return first


def signature(model: Any, key: str, index: int) -> Any:
    found = schema.SignatureDefT()
    found.signatureKey, found.subgraphIndex, found.inputs, found.outputs = key.encode(), index, [], []
    graph = model.subgraphs[index]
    for side, indices in ((found.inputs, graph.inputs), (found.outputs, graph.outputs)):
        for number, tensor in enumerate(indices):
            side.append(schema.TensorMapT())
            side[-1].name, side[-1].tensorIndex = f"value{number}".encode(), tensor
    return found
