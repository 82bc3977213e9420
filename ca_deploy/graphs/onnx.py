"""ONNX protobuf -> Graph."""

import ast
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, TensorProto, numpy_helper

from ca_deploy.errors import ArtifactError, wrong_in_file
from ca_deploy.graphs import ABSENT, DYNAMIC, AttributeValue, Graph, Node, Tensor, in_scope
from ca_deploy.graphs.onnx_functions import refuse_bomb
from ca_deploy.graphs.onnx_nodes import all_nodes, subgraphs_of

# ONNX Runtime has kernels for these domains; operators of any other need a custom operator library.
_KNOWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc")
_QUANTISE = ("QuantizeLinear", "DequantizeLinear")
_SCOPES = ("pkg.torch.onnx.name_scopes",)
_SMALL = 64  # elements; axes, shapes and paddings are shorter


def read(path: Path) -> Graph:
    """The main graph and the branches and bodies of control flow, with inferred shapes.

    Raises:
        ArtifactError: not an ONNX model, damaged, or without its external data.
    """
    return to_graph(load(path))


def _missing(graph: onnx.GraphProto) -> tuple[str, ...]:
    """What nodes of the main graph read, or the file gives as outputs, and nothing provides."""
    provided = {"", *(value.name for value in (*graph.input, *graph.initializer))}
    provided.update(sparse.values.name for sparse in graph.sparse_initializer)
    provided.update(name for node in graph.node for name in node.output)
    needed = [name for node in graph.node for name in node.input] + [value.name for value in graph.output]
    missing = [name for name in dict.fromkeys(needed) if name not in provided]
    return tuple(  # protobuf leaves what is not UTF-8 as bytes
        name.decode(errors="replace") if isinstance(name, bytes) else name for name in missing
    )


def load(path: Path) -> onnx.ModelProto:
    """The model with external data loaded, shapes inferred, and ``Constant`` nodes as initializers.

    Raises:
        ArtifactError: see :func:`read`.
    """
    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise ArtifactError(
            f"{path} is not an ONNX model, or damaged ({wrong_in_file(error)}): copy or export it again."
        ) from error
    if not model.HasField("graph") or not model.opset_import:
        raise ArtifactError(f"{path} is not an ONNX model: it lacks a graph or an opset. Copy or export it again.")
    refuse_bomb(model, path)
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        places = {e.value for t in model.graph.initializer for e in t.external_data if e.key == "location"}
        raise ArtifactError(
            f"{path} keeps its weights in {', '.join(sorted(places)) or 'other files'}, which cannot be read "
            f"({wrong_in_file(error)}). Put them next to the model under that name."
        ) from error
    _fold_constants(model.graph)
    return _with_shapes(model)


def _with_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """With inferred shapes. QuantizeLinear and its like in Microsoft's domain are inferred as the standard ones."""
    domains = [node.domain for node in all_nodes(model.graph)]
    for node in all_nodes(model.graph):
        if node.domain == "com.microsoft" and node.op_type in _QUANTISE:
            node.domain = ""
    try:
        found = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception:  # custom operators and inconsistent shapes: these stay unknown, which every rule handles
        found = model
    for node, domain in zip(all_nodes(found.graph), domains, strict=True):
        node.domain = domain
    return found


def _fold_constants(graph: onnx.GraphProto) -> None:
    """Turn ``Constant`` nodes into initializers, as runtimes do when they load a model."""
    kept = []
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            graph.initializer.append(node.attribute[0].t)
            graph.initializer[-1].name = node.output[0]
        else:
            kept.append(node)
        for _, subgraph in subgraphs_of(node):
            _fold_constants(subgraph)
    del graph.node[:]
    graph.node.extend(kept)


def to_graph(model: onnx.ModelProto) -> Graph:
    """See :func:`read`."""
    nodes: list[Node] = []
    main = _Tensors(model.graph)
    waiting = [_Subgraph("", model.graph, main)]
    for part in waiting:  # grows by the subgraphs of its nodes
        for node in part.graph.node:
            index = len(nodes)
            name = in_scope(part.scope, node.name or f"{node.op_type}_{index}")
            nodes.append(_node(model, node, index, name, part))
            waiting += [
                _Subgraph(f"{name} {role}", graph, _Tensors(graph, part.tensors), index)
                for role, graph in subgraphs_of(node)
            ]
    _capture(nodes, waiting)
    names = {constant.name for constant in model.graph.initializer}
    inputs = tuple(main.place(value.name) for value in model.graph.input if value.name not in names)
    outputs = tuple(main.place(value.name) for value in model.graph.output)
    return Graph(
        "onnx",
        _opset(model, ""),
        _with_neighbours_modules(nodes),
        tuple(main.tensors),  # by now with inputs that nobody reads, and outputs that are constants
        inputs,
        outputs,
        _missing(model.graph),
    )


def _node(model: onnx.ModelProto, node: onnx.NodeProto, index: int, name: str, part: "_Subgraph") -> Node:
    table, known = part.tensors, node.domain in _KNOWN_DOMAINS
    inputs, outputs = tuple(map(table.place, node.input)), tuple(map(table.place, node.output))
    return Node(
        index=index,
        name=name,
        module=_module_of(node),
        operator=node.op_type if known else f"{node.domain}:{node.op_type}",
        inputs=inputs,
        outputs=outputs,
        attributes={a.name: value for a in node.attribute if (value := _value(a)) is not None},
        version=_opset(model, node.domain),
        custom=not known,
        multiply_adds=_multiply_adds(node, inputs, outputs, table.tensors),
        scope=part.scope,
    )


def _capture(nodes: list[Node], parts: "list[_Subgraph]") -> None:
    """What a subgraph reads of the graphs around it becomes an input of the node that runs it, which waits for that."""
    for part in reversed(parts):  # inner ones first
        if part.owner is not None:
            owner = nodes[part.owner]
            outer = dict.fromkeys(part.tensors.captured)
            nodes[part.owner] = replace(owner, inputs=tuple(dict.fromkeys((*owner.inputs, *outer))))


def _with_neighbours_modules(nodes: list[Node]) -> tuple[Node, ...]:
    """Assign QuantizeLinear and DequantizeLinear to the module that computes their input, else to the one they feed."""
    makers = {tensor: node.index for node in nodes for tensor in node.outputs}
    readers = {tensor: node.index for node in reversed(nodes) for tensor in node.inputs}
    modules = [node.module for node in nodes]
    conversions = [node for node in nodes if node.operator in _QUANTISE]
    for order, from_maker in ((conversions, True), (conversions[::-1], False)):
        for node in order:
            beside = makers.get(node.inputs[0]) if from_maker else readers.get(node.outputs[0])
            if not modules[node.index] and beside is not None:
                modules[node.index] = modules[beside]
    return tuple(replace(node, module=module) for node, module in zip(nodes, modules, strict=True))


class _Tensors:
    """Names -> positions in a growing list of tensors, typed as far as the file allows.

    A subgraph sees the names of the graph around it, ``outer``; ``captured`` are those that it reads.
    """

    def __init__(self, graph: onnx.GraphProto, outer: "_Tensors | None" = None) -> None:
        self.tensors: list[Tensor] = outer.tensors if outer else []
        self.captured: list[int] = []
        self._outer = outer
        self._own = {value.name for value in (*graph.input, *graph.initializer)}
        self._own |= {name for node in graph.node for name in node.output}
        self._places: dict[str, int] = {}
        self._types = {v.name: v.type.tensor_type for v in (*graph.value_info, *graph.input, *graph.output)}
        self._constants: dict[str, TensorProto] = {constant.name: constant for constant in graph.initializer}
        self._quantised: dict[str, tuple[str, str]] = {}
        for node in graph.node:
            if node.op_type == "QuantizeLinear":
                self._quantised[node.output[0]] = (node.input[1], node.input[2] if len(node.input) > 2 else "")
            elif node.op_type == "DequantizeLinear":
                self._quantised[node.input[0]] = (node.input[1], node.input[2] if len(node.input) > 2 else "")

    def place(self, name: str) -> int:
        if not name:
            return ABSENT
        if self._outer is not None and name not in self._own:
            self.captured.append(self._outer.place(name))
            return self.captured[-1]
        if name not in self._places:
            self._places[name] = len(self.tensors)
            self.tensors.append(self._tensor(name))
        return self._places[name]

    def _tensor(self, name: str) -> Tensor:
        constant = self._constants.get(name)
        scale, zero = self._quantised.get(name, ("", ""))
        scales = tuple(float(v) for v in self._array(scale).reshape(-1))
        zeros = tuple(int(v) for v in self._array(zero).reshape(-1))
        if constant is not None:
            array = self._array(name) if math.prod(constant.dims) <= _SMALL else np.empty(0)
            values = tuple(int(v) for v in array.reshape(-1)) if array.dtype.kind in "iu" and array.size else None
            dtype, shape = _dtype(constant.data_type), tuple(constant.dims)
            return Tensor(name, shape, dtype, True, scales, zeros, values, _element_bytes(dtype))
        known = self._types.get(name)
        if known is None or not known.elem_type:
            return Tensor(name, None, "int8" if scales else "unknown", False, scales, zeros)
        shape_known = known.HasField("shape")
        shape_now = tuple(d.dim_value if d.HasField("dim_value") else DYNAMIC for d in known.shape.dim)
        dtype = _dtype(known.elem_type)
        return Tensor(
            name, shape_now if shape_known else None, dtype, False, scales, zeros, None, _element_bytes(dtype)
        )

    def _array(self, name: str) -> Any:
        constant = self._constants.get(name)
        if constant is None or math.prod(constant.dims) > 65536:
            return np.empty(0)
        return np.asarray(numpy_helper.to_array(constant))


@dataclass(frozen=True, slots=True)
class _Subgraph:
    """One graph of the file. ``owner`` is the index of the node that runs it, None for the main graph."""

    scope: str
    graph: onnx.GraphProto
    tensors: _Tensors
    owner: int | None = None


def _module_of(node: onnx.NodeProto) -> str:
    """The module from PyTorch's scopes (``["", "features", "features.0", "conv2d"]``), else from the node's name."""
    for prop in node.metadata_props:
        if prop.key in _SCOPES:
            scopes = ast.literal_eval(prop.value)
            named = str(node.name).rpartition("/")[0]  # names that ca-deploy wrote also hold for fused nodes
            return named or (str(scopes[-2]) if len(scopes) > 1 else "")
    path = str(node.name).rpartition("/")[0]
    return path.strip("/").replace("/", ".")  # PyTorch's TorchScript exporter: /features/features.0/Conv


def _value(attribute: onnx.AttributeProto) -> AttributeValue | None:
    if attribute.type == AttributeProto.INT:
        return int(attribute.i)
    if attribute.type == AttributeProto.FLOAT:
        return float(attribute.f)
    if attribute.type == AttributeProto.STRING:
        return bytes(attribute.s).decode(errors="replace")
    if attribute.type == AttributeProto.INTS:
        return tuple(int(i) for i in attribute.ints)
    return None


def _opset(model: onnx.ModelProto, domain: str) -> int:
    return next((int(o.version) for o in model.opset_import if o.domain.replace("ai.onnx", "") == domain), 1)


def _dtype(code: int) -> str:
    names = {TensorProto.FLOAT: "float32", TensorProto.DOUBLE: "float64"}
    return names.get(code) or str(TensorProto.DataType.Name(code)).lower()


def _element_bytes(dtype: str) -> float:
    sizes = {"float16": 2.0, "bfloat16": 2.0, "int8": 1.0, "uint8": 1.0, "bool": 1.0, "int16": 2.0, "uint16": 2.0}
    return {**sizes, "int64": 8.0, "uint64": 8.0, "float64": 8.0, "int4": 0.5, "uint4": 0.5}.get(dtype, 4.0)


def _multiply_adds(
    node: onnx.NodeProto, inputs: tuple[int, ...], outputs: tuple[int, ...], tensors: list[Tensor]
) -> int:
    kind = node.op_type.removeprefix("QLinear").removesuffix("Integer")
    if kind not in ("Conv", "ConvTranspose", "Gemm", "MatMul") or not outputs:
        return 0
    second = 3 if node.op_type.startswith("QLinear") else 1
    left, right, result = tensors[inputs[0]], tensors[inputs[second]], tensors[outputs[0]]
    if kind == "Conv":
        return result.elements * math.prod((right.shape or ())[1:]) if right.shape and result.shape else 0
    if kind == "ConvTranspose":
        return left.elements * math.prod((right.shape or ())[1:]) if right.shape and left.shape else 0
    if not left.shape or not result.shape:
        return 0
    transposed = any(a.name == "transA" and a.i for a in node.attribute)
    return result.elements * abs(left.shape[0] if transposed else left.shape[-1])
