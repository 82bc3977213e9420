"""Read, edit and write TFLite flatbuffers (schema v3, ``tensorflow/compiler/mlir/lite/schema/schema.fbs``)."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from ca_deploy.records.module_path import within_network
from ca_deploy.records.tensors import DType, Layout, TensorSpec, output_layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

DOT = "|"  # in the paths that the converter gives litert-torch, which would keep what is behind the last dot alone
# Operators with per-channel weights and an int32 bias.
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")

_OPERATOR_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
_DTYPES: dict[int, DType] = {
    schema.TensorType.FLOAT32: "float32",
    schema.TensorType.FLOAT16: "float16",
    schema.TensorType.INT8: "int8",
    schema.TensorType.UINT8: "uint8",
    schema.TensorType.INT16: "int16",
    schema.TensorType.INT32: "int32",
    schema.TensorType.INT64: "int64",
    schema.TensorType.BOOL: "bool",
}


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]
    """Aligns its data to 16 bytes, as the schema requires and flatbuffers' Python code (25.12) omits."""

    def Pack(self, builder: Any) -> int:
        data = np.ascontiguousarray(self.data).view(np.uint8).reshape(-1)
        builder.StartVector(1, data.size, 16)
        builder.head -= data.size
        builder.Bytes[builder.head : builder.head + data.size] = data.tobytes()
        vector = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)
        return int(schema.BufferEnd(builder))


def read(content: bytes | bytearray) -> Any:
    """The model as a mutable ``schema.ModelT``; buffers stored behind the flatbuffer are included.

    Raises:
        ValueError: a buffer would end behind the file; damage elsewhere raises others.
    """
    stored = schema.Model.GetRootAs(content)
    for buffer in map(stored.Buffers, range(stored.BuffersLength())):
        if buffer.Offset() > 1 and buffer.Offset() + buffer.Size() > len(content):
            raise ValueError("weights lie behind its end")
    if not stored.BuffersLength():  # valid, but ai-edge-litert 2.3 needs the empty buffer 0
        model = flatbuffer_utils.convert_bytearray_to_object(content)
        model.buffers = [schema.BufferT()]
        content = flatbuffer_utils.convert_object_to_bytearray(model)
    return flatbuffer_utils.read_model_from_bytearray(content)


def keeps_weights_outside(content: bytes) -> bool:
    """Whether buffers lie behind the flatbuffer, where runtimes that predate this schema extension do not find them."""
    model = schema.Model.GetRootAs(content)
    return any(model.Buffers(index).Offset() > 1 for index in range(model.BuffersLength()))


def write(model: Any) -> bytes:
    """Serialise the model with all used buffers inside the flatbuffer; unused ones are emptied.

    ai-edge-quantizer 0.10 puts weights behind the flatbuffer. Runtimes that predate this schema extension
    (tflite-runtime 2.14, the C API of ai-edge-litert 1.4 and 2.0) fail with "Input tensor N lacks data".
    """
    used = {metadata.buffer for metadata in model.metadata or ()}
    for graph in model.subgraphs:
        operands = {index for operator in _listed(graph.operators) for index in _listed(operator.inputs)}
        operands |= set(_listed(graph.outputs))  # which may be constants
        used |= {graph.tensors[index].buffer for index in operands if index >= 0}
    for index, buffer in enumerate(model.buffers):
        if index not in used:
            model.buffers[index] = schema.BufferT()
        elif buffer.data is not None and len(buffer.data):
            data = buffer.data if isinstance(buffer.data, np.ndarray) else np.frombuffer(bytes(buffer.data), np.uint8)
            model.buffers[index] = _AlignedBuffer(data=data)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _listed(values: Any) -> Any:
    """What the schema's classes leave out where a list is empty."""
    return () if values is None else values


def shorten_names(model: Any) -> None:
    """Name each tensor after the path of its PyTorch module and a counter: ``features.13.expand.0;1``.

    litert-torch 0.10 concatenates the classes of all modules behind a tensor, hundreds of characters per name: 5 % of
    an INT8 file. A convolution stands behind what was merged into it, and gives its name, as in ONNX.
    """
    graph, seen = model.subgraphs[0], Counter[str]()
    operators = [one for one in graph.operators if operator_name(model, one) in WEIGHTED]
    weighted = {place for one in operators for place in (one.outputs[0], *one.inputs[1:])}
    for index, tensor in enumerate(graph.tensors):
        parts = tensor.name.decode().split(";")
        paths = map(module_path, reversed(parts) if index in weighted else parts[:1])
        name = next(filter(None, paths), "tensor")
        tensor.name = f"{name};{seen[name]}".encode()
        seen[name] += 1


def module_path(name: str) -> str:
    """The PyTorch module in a tensor name by litert-torch; "" where there is none."""
    parts = name.split(";")[0].split("/")
    # "torch.nn.modules.conv.Conv2d_conv_h" is the attribute conv_h, a Conv2d
    attributes = [part.rpartition(".")[2].partition("_")[2].replace(DOT, ".") for part in parts]
    return unwrapped(within_network(".".join(filter(None, attributes))))


def unwrapped(path: str) -> str:
    """The path of a module without what litert-torch puts around a network for images in NHWC."""
    return path.removeprefix("wrapped.") if path != "wrapped" else ""


def in_order_of_forward(model: Any) -> None:
    """Put the inputs and outputs of the main graph in the order of the traced function: ``args_0``, ``output_1``, …"""
    signature, graph = model.signatureDefs[0], model.subgraphs[0]
    for mappings, indices in ((signature.inputs, graph.inputs), (signature.outputs, graph.outputs)):
        mappings.sort(key=lambda mapping: int(mapping.name.rpartition(b"_")[2]))
        indices[:] = [mapping.tensorIndex for mapping in mappings]


def name_inputs_and_outputs(model: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Name the inputs and outputs of the main graph, in their order, in the signature and as tensors."""
    signature, graph = model.signatureDefs[0], model.subgraphs[0]
    for mapping, index, name in (
        *zip(signature.inputs, graph.inputs, map(str.encode, inputs), strict=True),
        *zip(signature.outputs, graph.outputs, map(str.encode, outputs), strict=True),
    ):
        for tensor in graph.tensors:  # names must be unique, and ai-edge-quantizer keeps the float output's
            if tensor.name == name:
                tensor.name = name + b"_quantised"
        mapping.name, mapping.tensorIndex = name, index
        graph.tensors[index].name = name


def operator_name(model: Any, operator: Any) -> str:
    """The name in the schema (``CONV_2D``), or a custom operator's own name."""
    code = model.operatorCodes[operator.opcodeIndex]
    name = _OPERATOR_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
    return str(code.customCode.decode() if name == "CUSTOM" else name)


def operator_histogram(model: Any) -> dict[str, int]:
    """Operator -> number of occurrences, most frequent first."""
    counts = Counter(operator_name(model, operator) for graph in model.subgraphs for operator in graph.operators)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def float_operators(model: Any) -> list[Any]:
    """The operators that compute in float, conversions between float and integer left out."""
    found = []
    for graph in model.subgraphs:
        for operator in graph.operators:
            types = {graph.tensors[index].type for index in (*operator.inputs, *operator.outputs) if index >= 0}
            conversion = operator_name(model, operator) in ("QUANTIZE", "DEQUANTIZE")
            if schema.TensorType.FLOAT32 in types and not conversion:
                found.append(operator)
    return found


def has_integer_weights(model: Any) -> bool:
    """Whether any convolution or matrix product has int8 or int4 weights."""
    integers = (schema.TensorType.INT8, schema.TensorType.INT4)
    return any(
        graph.tensors[operator.inputs[1]].type in integers
        for graph in model.subgraphs
        for operator in graph.operators
        if operator_name(model, operator) in WEIGHTED
    )


def activations(model: Any) -> list[int]:
    """Indices of the float32 tensors that the main graph takes or computes."""
    graph = model.subgraphs[0]
    computed = {index for operator in graph.operators for index in operator.outputs} | set(graph.inputs)
    return sorted(index for index in computed if graph.tensors[index].type == schema.TensorType.FLOAT32)


def tensor_name(model: Any, index: int) -> str:
    name = model.subgraphs[0].tensors[index].name
    return name.decode() if isinstance(name, bytes) else str(name)


def dtype(model: Any, index: int) -> DType:
    """The element type of a tensor of the main graph, given by index."""
    return _DTYPES[model.subgraphs[0].tensors[index].type]


def constant(model: Any, index: int) -> "NDArray[np.float32] | None":
    """The values of a float32 constant, in the tensor's shape; None for a computed, absent (-1) or other tensor."""
    if index < 0:
        return None
    tensor = model.subgraphs[0].tensors[index]
    data = model.buffers[tensor.buffer].data
    if data is None or tensor.type != schema.TensorType.FLOAT32:
        return None
    return np.frombuffer(bytes(data), np.float32).reshape(tensor.shape)


def add_constant(model: Any, name: str, values: "NDArray[np.float32] | NDArray[np.int32]") -> int:
    """Add a constant to the main graph and return its tensor index."""
    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.name, tensor.shape = name.encode(), list(values.shape)
    tensor.type = schema.TensorType.INT32 if values.dtype == np.int32 else schema.TensorType.FLOAT32
    tensor.buffer = len(model.buffers) - 1
    tensors = model.subgraphs[0].tensors
    tensors.append(tensor)
    return len(tensors) - 1


def new_operator(
    model: Any, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None, version: int = 1
) -> Any:
    """A ``schema.OperatorT`` of that name in the schema (``MUL``), which the caller puts into a graph.

    ``options`` are the operator's own, such as ``schema.MulOptionsT``.
    """
    code, made = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode, code.version = getattr(schema.BuiltinOperator, kind), version
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    model.operatorCodes.append(code)
    made.opcodeIndex, made.inputs, made.outputs = len(model.operatorCodes) - 1, list(inputs), list(outputs)
    if options is not None:
        made.builtinOptions = options
        made.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
    return made


def reshape(model: Any, taken: int, given: int) -> Any:
    """A RESHAPE of one tensor of the main graph to the shape of another, which the caller puts into the graph."""
    sides = np.array(model.subgraphs[0].tensors[given].shape, np.int32)
    shape = add_constant(model, f"shape_{len(model.subgraphs[0].tensors)}", sides)
    return new_operator(model, "RESHAPE", [taken, shape], [given], schema.ReshapeOptionsT(newShape=sides.tolist()))


def tensor_spec(model: Any, index: int, layout: Layout | None = None, normalised: bool = True) -> TensorSpec:
    """What one tensor of the main graph holds; without ``layout`` it is an output."""
    tensor = model.subgraphs[0].tensors[index]
    quantised = tensor.quantization is not None and tensor.quantization.scale is not None
    name = tensor_name(model, index)
    return TensorSpec(
        name=name,
        shape=tuple(int(size) for size in tensor.shape),
        dtype=_DTYPES[tensor.type],
        layout=layout or output_layout(len(tensor.shape)),
        scale=float(tensor.quantization.scale[0]) if quantised else None,
        zero_point=int(tensor.quantization.zeroPoint[0]) if quantised else None,
        normalised=normalised,
    )
