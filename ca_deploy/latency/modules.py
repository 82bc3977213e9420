"""Maps a runtime's operators to the PyTorch modules that they come from, by the names inside exported files."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from ca_deploy.graphs import Graph, read
from ca_deploy.latency.runner_output import OperatorSamples
from ca_deploy.records.manifest import manifest_of

# Attribute names under which networks hold their attention blocks.
_ATTENTION = re.compile(
    r"(?i)(attention|attn|ca|se|cbam|eca|coord_?att(n|ention)?|squeeze_?excite|(ca|se)_?(block|layer|module))"
)
_DEPTH = 3  # names of a path that are reported outside attention blocks

# TFLite operator -> how the names of the XNNPACK operators that execute it begin. Copies and conversions serve several;
# what XNNPACK fuses away (PAD, RESHAPE, RELU6) has no counterpart.
_XNNPACK = {
    "CONV_2D": ("Convolution", "Fully Connected"),
    "DEPTHWISE_CONV_2D": ("Convolution",),
    "TRANSPOSE_CONV": ("Deconvolution",),
    "FULLY_CONNECTED": ("Fully Connected",),
    "BATCH_MATMUL": ("Batch Matrix Multiply",),
    "MEAN": ("Mean", "Global Average Pooling"),
    "SUM": ("Sum",),
    "AVERAGE_POOL_2D": ("Average Pooling", "Global Average Pooling"),
    "MAX_POOL_2D": ("Max Pooling",),
    "RESHAPE": ("Static Reshape", "Copy"),
    "CONCATENATION": ("Copy", "Concatenate"),
    "SPLIT": ("Copy", "Slice", "Split"),
    "SPLIT_V": ("Copy", "Slice", "Split"),
    "SLICE": ("Slice",),
    "STRIDED_SLICE": ("Slice",),
    "TRANSPOSE": ("Transpose",),
    "PAD": ("Constant Pad",),
    "QUANTIZE": ("Convert",),
    "DEQUANTIZE": ("Convert",),
    "LOGISTIC": ("Sigmoid",),
    "HARD_SWISH": ("HardSwish",),
    "MUL": ("Multiply",),
    "ADD": ("Add",),
    "SUB": ("Subtract",),
    "DIV": ("Divide",),
    "RELU": ("Clamp",),
    "RELU6": ("Clamp",),
    "RELU_N1_TO_1": ("Clamp",),
    "MINIMUM": ("Minimum",),
    "MAXIMUM": ("Maximum",),
    "SOFTMAX": ("Softmax",),
    "RESIZE_BILINEAR": ("Resize Bilinear",),
}


def modules_of(file: Path, operators: Sequence[OperatorSamples]) -> list[str]:
    """The module of each operator of a run; operators that the runtime added are attributed to the one before."""
    graph = read(file)
    named = _by_name(graph, operators)
    found = named if any(named) else _by_order(graph, operators)
    modules, current = [], ""
    for module in found:
        if module is not None:
            current = module
        modules.append(current)
    return modules


def block_of(module: str) -> str:
    """The part of a path to report: down to an attention block, else the first three names."""
    names = module.split(".")
    for length, name in enumerate(names, 1):
        if _ATTENTION.fullmatch(name):
            return ".".join(names[:length])
    return ".".join(names[:_DEPTH])


def is_attention(module: str) -> bool:
    """Whether a module's path says so, for files whose manifest does not."""
    return any(_ATTENTION.fullmatch(name) for name in module.split("."))


def attention_in(file: Path) -> Callable[[str], bool]:
    """Whether a module belongs to attention: as it was found in the network by its structure, else by its name."""
    manifest = manifest_of(file)
    found = {module for block in manifest.lowering.blocks for module in block.modules} if manifest else set()
    return found.__contains__ if found else is_attention


def _by_order(graph: Graph, operators: Sequence[OperatorSamples]) -> list[str | None]:
    """For runtimes whose profilers call an operator by its kind (LiteRT)."""
    nodes = graph.nodes
    partners = align([node.operator for node in nodes], [operator.type for operator in operators])
    return [None if node is None else nodes[node].module for node in partners]


def align(nodes: Sequence[str], operators: Sequence[str]) -> list[int | None]:
    """The node that each operator executes, by longest common subsequence; both are in order of execution.

    XNNPACK keeps the order of the graph's nodes, drops some and adds a few.
    """
    best = [[0] * (len(operators) + 1) for _ in range(len(nodes) + 1)]
    for i in reversed(range(len(nodes))):
        for j in reversed(range(len(operators))):
            best[i][j] = max(best[i + 1][j], best[i][j + 1])
            if _carries_out(operators[j], nodes[i]):
                best[i][j] = max(best[i][j], best[i + 1][j + 1] + 1)
    partners: list[int | None] = [None] * len(operators)
    i = j = 0
    while i < len(nodes) and j < len(operators):
        if _carries_out(operators[j], nodes[i]) and best[i][j] == best[i + 1][j + 1] + 1:
            partners[j] = i
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return partners


def _carries_out(operator: str, node: str) -> bool:
    return operator == node or operator.startswith(_XNNPACK.get(node, ()))


def _by_name(graph: Graph, operators: Sequence[OperatorSamples]) -> list[str | None]:
    """For runtimes whose profilers call an operator by its node (ONNX Runtime)."""
    by_name = {node.name: node.module for node in graph.nodes}
    by_tensor = {graph.tensors[output].name: node.module for node in graph.nodes for output in node.outputs}
    return [_module_of_kernel(operator.name, by_name.get, by_tensor.get) for operator in operators]


def _module_of_kernel(
    name: str, by_name: Callable[[str], str | None], by_tensor: Callable[[str], str | None]
) -> str | None:
    """ONNX Runtime's optimisers name kernels after a node, a tensor or a weight, with suffixes."""
    base = re.sub(r"(_nchwc|_token_\d+|_quant|_nhwc|_fused)+$", "", name)
    tensor = re.sub(r"_(De)?[Qq]uantizeLinear.*$", "", base)
    weight = re.match(r"(.+)\.(weight|bias)\b", tensor)
    found = (by_name(name), by_name(base), by_tensor(base), by_tensor(tensor), weight and weight[1])
    known = [module for module in found if module is not None]
    return next(filter(None, known), known[0] if known else None)
