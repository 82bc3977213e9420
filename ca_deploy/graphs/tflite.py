"""TFLite flatbuffer -> Graph."""

import math
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ca_deploy.errors import ArtifactError, first_line
from ca_deploy.graphs import ABSENT, DYNAMIC, AttributeValue, Graph, Node, Tensor, flatbuffer

_CONTROL_FLOW = ("IF", "WHILE", "CALL", "CALL_ONCE", "STABLEHLO_WHILE", "STABLEHLO_CASE")
_TYPE_NAMES = {code: name.lower() for name, code in vars(schema.TensorType).items() if not name.startswith("_")}
_ELEMENT_BYTES = {"float16": 2, "bfloat16": 2, "int16": 2, "uint16": 2, "int8": 1, "uint8": 1, "bool": 1, "int4": 0.5}
_ELEMENT_BYTES |= {"int64": 8, "float64": 8, "uint64": 8, "complex64": 8, "int2": 0.25, "uint4": 0.5}
_SMALL = 64  # elements; axes, shapes and paddings are shorter

# What flatbuffers' generated code raises on broken offsets.
DAMAGE = (struct.error, IndexError, ValueError, TypeError, AttributeError, KeyError, OverflowError, MemoryError)


def read(path: Path) -> Graph:
    """The main subgraph.

    Raises:
        ArtifactError: not a TFLite flatbuffer, damaged, or with control flow.
    """
    return to_graph(load(path), path)


def load(path: Path) -> Any:
    """The file as ``schema.ModelT``.

    Raises:
        ArtifactError: not a TFLite flatbuffer, or damaged.
    """
    content = path.read_bytes()
    if content[4:8] != b"TFL3":
        raise ArtifactError(f"{path} is not a TFLite model: it lacks the identifier TFL3 at byte 4.")
    try:
        model = flatbuffer.read(content)
        for graph in model.subgraphs:
            for operator in graph.operators or ():
                _ = model.operatorCodes[operator.opcodeIndex]
                for index in (*_indices(operator.inputs), *_indices(operator.outputs)):
                    if index != ABSENT:
                        _ = model.buffers[graph.tensors[index].buffer]
    except DAMAGE as error:
        raise ArtifactError(
            f"{path} is a damaged TFLite model ({first_line(error)}): copy or export it again."
        ) from error
    return model


def to_graph(model: Any, path: Path) -> Graph:
    """See :func:`read`."""
    try:
        main = model.subgraphs[0]
        operators = list(main.operators if main.operators is not None else ())
        names = [flatbuffer.operator_name(model, operator) for operator in operators]
        tensors = tuple(_tensor(model, tensor) for tensor in (main.tensors if main.tensors is not None else ()))
        nodes = tuple(
            _node(model, index, operator, name, tensors)
            for index, (operator, name) in enumerate(zip(operators, names, strict=True))
        )
        graph = Graph("tflite", int(model.version), nodes, tensors, _indices(main.inputs), _indices(main.outputs))
    except DAMAGE as error:
        raise ArtifactError(
            f"{path} is a damaged TFLite model ({first_line(error)}): copy or export it again."
        ) from error
    if flow := sorted(set(names) & set(_CONTROL_FLOW)):
        raise ArtifactError(
            f"{path} has control flow ({', '.join(flow)}): which operators run is known only at run time. Export the "
            "body of the loop or branch as a separate model, and check that."
        )
    return graph


def module_of(tensor_name: str) -> str:
    """The PyTorch module in a tensor name by ca-deploy (``features.3.act;0``) or litert-torch; "" if there is none."""
    ours = re.fullmatch(r"([\w.]+);\d+(_\w+)?", tensor_name)
    if ours:
        return "" if ours.group(1) == "tensor" else ours.group(1)
    return flatbuffer.module_path(tensor_name) if "torch.nn." in tensor_name else ""


def _tensor(model: Any, tensor: Any) -> Tensor:
    dtype = _TYPE_NAMES.get(tensor.type, f"type {tensor.type}")
    data = model.buffers[tensor.buffer].data
    constant = data is not None and len(data) > 0
    shape = tuple(int(side) for side in (tensor.shape if tensor.shape is not None else ()))
    signature = tensor.shapeSignature
    if signature is not None and len(signature) == len(shape):
        shape = tuple(DYNAMIC if side < 0 else real for side, real in zip(signature, shape, strict=True))
    quantisation = tensor.quantization
    scales = quantisation.scale if quantisation is not None and quantisation.scale is not None else ()
    zeros = quantisation.zeroPoint if quantisation is not None and quantisation.zeroPoint is not None else ()
    values = None
    if constant and dtype in ("int32", "int64") and len(data) <= _SMALL * 8:
        values = tuple(int(v) for v in np.frombuffer(bytes(data), dtype))
    return Tensor(
        name=tensor.name.decode(errors="replace") if isinstance(tensor.name, bytes) else str(tensor.name or ""),
        shape=shape,
        dtype=dtype,
        constant=constant,
        scales=tuple(float(s) for s in scales),
        zero_points=tuple(int(z) for z in zeros),
        values=values,
        element_bytes=_ELEMENT_BYTES.get(dtype, 4),
    )


def _node(model: Any, index: int, operator: Any, name: str, tensors: tuple[Tensor, ...]) -> Node:
    inputs, outputs = _indices(operator.inputs), _indices(operator.outputs)
    code = model.operatorCodes[operator.opcodeIndex]
    result = tensors[outputs[0]] if outputs else Tensor(f"{name} {index}", None, "none")
    return Node(
        index=index,
        name=result.name or f"{name} {index}",
        module=module_of(result.name),
        operator=name,
        inputs=inputs,
        outputs=outputs,
        attributes=_attributes(operator.builtinOptions),
        version=int(code.version or 1),
        custom=max(code.builtinCode, code.deprecatedBuiltinCode) == schema.BuiltinOperator.CUSTOM,
        multiply_adds=_multiply_adds(name, inputs, tensors, result),
    )


def _attributes(options: Any) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {}
    for key, value in vars(options).items() if options is not None else ():
        if isinstance(value, bool | int | float | str):
            found[key] = int(value) if isinstance(value, bool) else value
        elif isinstance(value, list | np.ndarray):
            found[key] = tuple(int(v) for v in value)
    return found


def _multiply_adds(name: str, inputs: tuple[int, ...], tensors: tuple[Tensor, ...], result: Tensor) -> int:
    def shape(position: int) -> tuple[int, ...]:
        return tensors[inputs[position]].shape or ()

    if name == "CONV_2D":
        return result.elements * math.prod(shape(1)[1:])
    if name == "DEPTHWISE_CONV_2D":
        return result.elements * math.prod(shape(1)[1:3])
    if name == "FULLY_CONNECTED":
        return result.elements * shape(1)[-1]
    if name == "TRANSPOSE_CONV":
        return tensors[inputs[2]].elements * math.prod(shape(1)[:3])
    if name == "BATCH_MATMUL":
        return result.elements * abs(shape(0)[-1])
    return 0


def _indices(values: Any) -> tuple[int, ...]:
    return tuple(int(v) for v in values) if values is not None else ()
