"""TFLite flatbuffer -> Graph."""

import math
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ca_deploy.errors import ArtifactError, wrong_in_file
from ca_deploy.graphs import ABSENT, DYNAMIC, AttributeValue, Graph, Node, Tensor, flatbuffer, in_scope
from ca_deploy.graphs.subgraphs import joined, scopes

_TYPE_NAMES = {code: name.lower() for name, code in vars(schema.TensorType).items() if not name.startswith("_")}
_ELEMENT_BYTES = {"float16": 2, "bfloat16": 2, "int16": 2, "uint16": 2, "int8": 1, "uint8": 1, "bool": 1, "int4": 0.5}
_ELEMENT_BYTES |= {"int64": 8, "float64": 8, "uint64": 8, "complex64": 8, "int2": 0.25, "uint4": 0.5}
_SMALL = 64  # elements; axes, shapes and paddings are shorter

# What flatbuffers' generated code raises on broken offsets.
DAMAGE = (struct.error, IndexError, ValueError, TypeError, AttributeError, KeyError, OverflowError, MemoryError)


def read(path: Path) -> Graph:
    """All subgraphs: the main one, those of other signatures, and the branches of control flow.

    Raises:
        ArtifactError: not a TFLite flatbuffer, or damaged.
    """
    return joined(subgraphs(load(path), path))


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
        for signature in model.signatureDefs or ():
            tensors = model.subgraphs[signature.subgraphIndex].tensors
            _ = [tensors[one.tensorIndex] for one in (*(signature.inputs or ()), *(signature.outputs or ()))]
    except DAMAGE as error:
        raise ArtifactError(
            f"{path} is a damaged TFLite model ({wrong_in_file(error)}): copy or export it again."
        ) from error
    return model


def subgraphs(model: Any, path: Path) -> list[Graph]:
    """Each subgraph as a graph of its own, in the order of the file; its nodes have its name as their scope.

    Raises:
        ArtifactError: the model is damaged.
    """
    try:
        _ = model.subgraphs[0]
        return [_graph(model, subgraph, scope) for subgraph, scope in zip(model.subgraphs, scopes(model), strict=True)]
    except DAMAGE as error:
        raise ArtifactError(
            f"{path} is a damaged TFLite model ({wrong_in_file(error)}): copy or export it again."
        ) from error


def _graph(model: Any, subgraph: Any, scope: str) -> Graph:
    tensors = tuple(_tensor(model, tensor) for tensor in (subgraph.tensors if subgraph.tensors is not None else ()))
    nodes = tuple(
        _node(model, index, operator, scope, tensors)
        for index, operator in enumerate(subgraph.operators if subgraph.operators is not None else ())
    )
    inputs, outputs = _indices(subgraph.inputs), _indices(subgraph.outputs)
    missing = _missing(subgraph, nodes, tensors, {*inputs}, outputs)
    return Graph("tflite", int(model.version), nodes, tensors, inputs, outputs, missing)


def _missing(
    subgraph: Any, nodes: Sequence[Node], tensors: Sequence[Tensor], given: set[int], outputs: Sequence[int]
) -> tuple[str, ...]:
    """What is read or given as an output, and which nothing provides: the interpreter says that it lacks data.

    A custom operator may read what only its own kernel fills: the scratch memory of files for the Ethos-U.
    """
    given = given.union(*(node.outputs for node in nodes), (ABSENT,))
    needed = [place for node in nodes if not node.custom for place in _read_with_values(node, tensors)]
    return tuple(
        tensors[place].name or f"tensor {place}"
        for place in dict.fromkeys((*needed, *outputs))
        if place not in given
        and not tensors[place].constant
        and 0 not in (tensors[place].shape or ())
        and not subgraph.tensors[place].isVariable
        and not subgraph.tensors[place].externalBuffer
    )


def _read_with_values(node: Node, tensors: Sequence[Tensor]) -> tuple[int, ...]:
    """All operands but the second of a RESHAPE where only its shape is read, which the interpreter allows."""
    shaped = node.operator == "RESHAPE" and len(node.inputs) > 1 and len(tensors[node.inputs[1]].shape or ()) != 1
    return node.inputs[:1] if shaped else node.inputs


def module_of(tensor_name: str) -> str:
    """The PyTorch module in a tensor name by ca-deploy (``features.3.act;0``) or litert-torch; "" if there is none."""
    ours = re.fullmatch(r"([\w.:]+);\d+(_\w+)?", tensor_name)
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


def _node(model: Any, index: int, operator: Any, scope: str, tensors: tuple[Tensor, ...]) -> Node:
    name = flatbuffer.operator_name(model, operator)
    inputs, outputs = _indices(operator.inputs), _indices(operator.outputs)
    code = model.operatorCodes[operator.opcodeIndex]
    result = tensors[outputs[0]] if outputs else Tensor(f"{name} {index}", None, "none")
    # What a network gives has a name of its own, and its operator still the names of its weights.
    constants = [tensors[place].name for place in inputs if place >= 0 and tensors[place].constant]
    return Node(
        index=index,
        name=in_scope(scope, result.name or f"{name} {index}"),
        module=module_of(result.name) or next(filter(None, map(module_of, constants)), ""),
        operator=name,
        inputs=inputs,
        outputs=outputs,
        attributes=_attributes(operator.builtinOptions),
        version=int(code.version or 1),
        custom=max(code.builtinCode, code.deprecatedBuiltinCode) == schema.BuiltinOperator.CUSTOM,
        multiply_adds=_multiply_adds(name, inputs, tensors, result),
        scope=scope,
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
