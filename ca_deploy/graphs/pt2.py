"""torch.export program -> Graph: core ATen operators, each with its PyTorch module."""

import math
from pathlib import Path
from typing import Any

from ca_deploy import programs
from ca_deploy.errors import ArtifactError, wrong_in_file
from ca_deploy.graphs import ABSENT, DYNAMIC, AttributeValue, Graph, Node, Tensor

_BYTES = {"float32": 4.0, "float64": 8.0, "float16": 2.0, "bfloat16": 2.0, "int8": 1.0, "uint8": 1.0, "int64": 8.0}


def read(path: Path) -> Graph:
    """The program decomposed to core ATen, as ExecuTorch takes it (convolution, mean, permute, …).

    Raises:
        ProgramError: see :func:`ca_deploy.programs.load`.
        ArtifactError: PyTorch cannot decompose the program, or it has control flow.
    """
    program = programs.load(path)
    try:
        program = program.run_decompositions()
    except Exception as error:  # decomposition raises whatever the operators raise
        raise ArtifactError(
            f"{path} cannot be decomposed into core ATen operators ({wrong_in_file(error)})."
        ) from error
    tensors: list[Tensor] = []
    places: dict[str, int] = {}
    nodes: list[Node] = []
    fed = list(program.graph_signature.user_inputs)  # numbers and texts are inputs, too, by their values

    def place(node: Any) -> int:
        if node.name not in places:
            places[node.name] = len(tensors)
            tensors.append(_tensor(node, constant=node.op == "placeholder" and node.name not in fed))
        return places[node.name]

    for node in program.graph.nodes:
        if node.op == "placeholder":
            place(node)
        if node.op != "call_function":
            continue
        operator = str(getattr(node.target, "__name__", node.target)).partition(".")[0]
        if operator in ("cond", "while_loop", "map_impl", "scan"):
            raise ArtifactError(
                f"{path} has control flow ({operator}): which operators run is known only at run time. Export the "
                "body as a separate program, and check that."
            )
        if operator == "getitem":  # selects one result of its input, and counts as the same tensor
            places[node.name] = place(node.args[0])
            continue
        modules = [name for name, _ in (node.meta.get("nn_module_stack") or {}).values() if name]
        inputs = tuple(place(other) for other in node.all_input_nodes)
        nodes.append(
            Node(
                index=len(nodes),
                name=node.name,
                module=str(modules[-1]) if modules else "",
                operator=operator,
                inputs=inputs or (ABSENT,),
                outputs=(place(node),),
                attributes=_attributes(node),
                multiply_adds=_multiply_adds(operator, [tensors[i] for i in inputs], tensors[places[node.name]]),
            )
        )
    results = tuple(place(node) for node in program.graph.output_node().all_input_nodes)
    return Graph("pt2", 1, tuple(nodes), tuple(tensors), tuple(places[name] for name in fed if name in places), results)


def _tensor(node: Any, constant: bool) -> Tensor:
    value = node.meta.get("val")
    value = value[0] if isinstance(value, list | tuple) and value else value
    if not hasattr(value, "shape"):
        return Tensor(node.name, None, "unknown", constant)
    dtype = str(value.dtype).removeprefix("torch.")
    shape = tuple(int(side) if isinstance(side, int) else DYNAMIC for side in value.shape)
    return Tensor(node.name, shape, dtype, constant, element_bytes=_BYTES.get(dtype, 4.0))


def _attributes(node: Any) -> dict[str, AttributeValue]:
    """Arguments other than tensors, by their names in the operator's schema (``dim``, ``keepdim``, …)."""
    schema = getattr(node.target, "_schema", None)
    names = [argument.name for argument in schema.arguments] if schema is not None else []
    found: dict[str, AttributeValue] = {}
    for name, value in (*zip(names, node.args, strict=False), *node.kwargs.items()):
        if isinstance(value, bool | int | float | str):
            found[name] = int(value) if isinstance(value, bool) else value
        elif isinstance(value, list | tuple) and value and all(isinstance(v, int) for v in value):
            found[name] = tuple(value)
    return found


def _multiply_adds(operator: str, inputs: list[Tensor], result: Tensor) -> int:
    shapes = [tensor.shape or () for tensor in inputs]
    if operator in ("convolution", "conv2d") and len(shapes) > 1:
        return result.elements * math.prod(shapes[1][1:])
    if operator in ("addmm", "mm", "bmm", "linear") and len(shapes) > 1:
        factor = shapes[1] if operator == "addmm" else shapes[0]
        return result.elements * abs(factor[-1]) if factor else 0
    return 0
