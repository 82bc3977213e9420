"""The last stages of a float ML Program."""

from collections.abc import Iterator

from ca_deploy.formats._last_stage import LastStages, Node
from ca_deploy.formats.coreml.quantise import quantised_tensors
from ca_deploy.mil.program import Name, Operation, Program

_LAYERS = ("conv", "conv_transpose", "linear", "matmul", "lstm", "gru", "rnn")
_BOUNDED = ("sigmoid", "sigmoid_hard", "softmax")
_JOINS = ("concat", "stack")


def last_stages(program: Program) -> LastStages:
    """Those of the float outputs. A product of two activations is not a layer."""
    computed = [operation for operation in program.operations if operation.kind != "const"]
    results = {tensor.name: tensor for operation in computed for tensor in operation.outputs}
    floats = {tensor.name for tensor in (*program.inputs, *results.values()) if tensor.dtype.startswith("float")}
    nodes = []
    for operation in computed:
        takes = tuple(name for name in _names(operation) if name in floats)
        nodes.append(
            Node(
                name=operation.name,
                kind=operation.kind,
                takes=takes,
                gives=tuple(tensor.name for tensor in operation.outputs if tensor.name in floats),
                layer=operation.kind in _LAYERS and not (operation.kind == "matmul" and len(set(takes)) > 1),
                bounded=operation.kind in _BOUNDED,
                joins=operation.kind in _JOINS,
            )
        )
    return LastStages.of(nodes, [name for name in program.outputs if name in floats], quantised_tensors(program))


def _names(operation: Operation) -> Iterator[str]:
    for value in operation.inputs.values():
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Name):
                yield item.name
