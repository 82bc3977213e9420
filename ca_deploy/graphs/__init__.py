"""The operators and tensors of a model file, in one form for all formats.

:mod:`ca_deploy.graphs.readers` is the registry of formats; the modules here parse them.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ca_deploy.delivery import settle
from ca_deploy.errors import ArtifactError, CaDeployError, wrong_in_file
from ca_deploy.files import other_kind
from ca_deploy.graphs.not_models import refuse_others
from ca_deploy.graphs.readers import by_suffix
from ca_deploy.graphs.validity import invalid
from ca_deploy.records.module_path import DETECTIONS

AttributeValue = int | float | str | tuple[int, ...] | tuple[float, ...]

ABSENT = -1  # an optional operand that is left out
DYNAMIC = -1  # a dimension that is known only at run time

# Operators that run subgraphs: branches, bodies, other functions. No delegate takes them.
_TFLITE_FLOW = ("IF", "WHILE", "CALL", "CALL_ONCE", "STABLEHLO_WHILE", "STABLEHLO_CASE")
CONTROL_FLOW = (*_TFLITE_FLOW, "If", "Loop", "Scan", "SequenceMap")

_INTEGERS = ("int8", "uint8", "int16")
POST_PROCESS = "TFLite_Detection_PostProcess"  # its result has the name of an output


@dataclass(frozen=True, slots=True)
class Tensor:
    """One value of the graph.

    ``shape`` is None where the file does not record it; a dimension of -1 is dynamic. ``scales`` and ``zero_points``
    are empty for a tensor that is not quantised, and have one element per channel for per-channel quantisation.
    ``values`` holds the numbers of small integer constants (axes, shapes, paddings), else None.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: str
    constant: bool = False
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    values: tuple[int, ...] | None = None
    element_bytes: float = 4

    @property
    def elements(self) -> int:
        """The number of elements; a dynamic dimension counts as 1, an unknown shape as one element."""
        product = 1
        for side in self.shape or ():
            product *= side if side != DYNAMIC else 1
        return product

    @property
    def size_bytes(self) -> int:
        return round(self.elements * self.element_bytes)

    @property
    def is_static(self) -> bool:
        return self.shape is not None and DYNAMIC not in self.shape

    @property
    def is_quantised(self) -> bool:
        return self.dtype in _INTEGERS and bool(self.scales)


@dataclass(frozen=True, slots=True)
class Node:
    """One operator. ``inputs`` and ``outputs`` index :attr:`Graph.tensors`; -1 is an absent operand.

    ``module`` is the PyTorch module it came from (``features.3.attention.pool_w``), "" where the file does not record
    it. ``version`` is the operator's version (TFLite) or its opset (ONNX); 1 elsewhere. ``multiply_adds`` is 0 except
    for convolutions and matrix products. ``scope`` is the subgraph that it stands in: a signature, or the branch of an
    ``If`` or ``WHILE``; "" for the main graph.
    """

    index: int
    name: str
    module: str
    operator: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    version: int = 1
    custom: bool = False
    multiply_adds: int = 0
    scope: str = ""

    @property
    def finds_detections(self) -> bool:
        """Whether a format added it behind the network (``--head nms``), in float by design."""
        return self.module == DETECTIONS or self.operator == POST_PROCESS


@dataclass(frozen=True)
class Graph:
    """A model's operators: those of the main graph in execution order, then those of each other subgraph in its order.

    It has no slots, because what is asked of every node is computed once.

    ``format`` is the name of the file's reader. ``version`` is that of the file: schema version, opset, or Core ML
    specification version. ``missing`` are the names of tensors that are read, or given as outputs, and that nothing
    provides.
    """

    format: str
    version: int
    nodes: tuple[Node, ...]
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    missing: tuple[str, ...] = ()

    @cached_property
    def scopes(self) -> Mapping[str, int]:
        """The subgraphs and the number of nodes in each, in order."""
        return dict(Counter(node.scope for node in self.nodes))

    @cached_property
    def multiply_adds(self) -> int:
        return sum(node.multiply_adds for node in self.nodes)

    @cached_property
    def is_integer(self) -> bool:
        """Whether any convolution or matrix product has 8- or 16-bit integer activations."""
        dequantised = {t for node in self.nodes if node.operator == "DequantizeLinear" for t in node.outputs}
        for node in self.nodes:
            fed = [t for t in node.inputs if t != ABSENT and not self.tensors[t].constant]
            if node.multiply_adds and fed and (self.tensors[fed[0]].dtype in _INTEGERS or fed[0] in dequantised):
                return True
        return False

    @cached_property
    def activation_types(self) -> frozenset[str]:
        """What convolutions and matrix products compute in: the type before a DequantizeLinear, where there is one."""
        found = set()
        for node in self.nodes:
            data = [t for t in node.inputs if t != ABSENT and not self.tensors[t].constant]
            if node.multiply_adds and data:
                maker = self.producers.get(data[0])
                dequantised = maker is not None and maker.operator == "DequantizeLinear"
                found.add(self.tensors[maker.inputs[0] if maker is not None and dequantised else data[0]].dtype)
        return frozenset(found)

    @cached_property
    def dtypes(self) -> frozenset[str]:
        """The types of all tensors."""
        return frozenset(tensor.dtype for tensor in self.tensors)

    def is_quantised(self, node: Node) -> bool:
        data = self.data_inputs(node)
        return bool(data) and data[0].is_quantised

    def data_inputs(self, node: Node) -> list[Tensor]:
        """The inputs of a node that are not constant, in order."""
        return [self.tensors[i] for i in node.inputs if i != ABSENT and not self.tensors[i].constant]

    def given_inputs(self, node: Node) -> list[Tensor]:
        """All inputs of a node that are present, constants included."""
        return [self.tensors[i] for i in node.inputs if i != ABSENT]

    def results(self, node: Node) -> list[Tensor]:
        return [self.tensors[i] for i in node.outputs if i != ABSENT]

    @cached_property
    def producers(self) -> Mapping[int, Node]:
        """Tensor -> the node that computes it."""
        return {tensor: node for node in self.nodes for tensor in node.outputs if tensor != ABSENT}

    @cached_property
    def consumers(self) -> Mapping[int, list[Node]]:
        """Tensor -> the nodes that read it."""
        found: dict[int, list[Node]] = {}
        for node in self.nodes:
            for tensor in dict.fromkeys(node.inputs):
                if tensor != ABSENT:
                    found.setdefault(tensor, []).append(node)
        return found


def in_scope(scope: str, name: str) -> str:
    """The name of a node with that of its subgraph before it."""
    return f"{scope}/{name}" if scope else name


def read(path: Path) -> Graph:
    """The graph of a model file, whose suffix selects the reader.

    Raises:
        ArtifactError: the file is missing, not a model, damaged, too large or empty.
    """
    check_place(path)
    try:
        graph = by_suffix()[path.suffix].parse(path)
    except CaDeployError:
        raise
    except Exception as error:  # what is damaged fails in each library, and each step of a parser, in another way
        raise damaged(path, error) from error
    if not graph.nodes:
        raise ArtifactError(f"{path} has no operators, so there is nothing to check. Export it again.")
    _refuse_invalid(path, graph)
    return graph


def check_valid(path: Path) -> None:
    """Reject a model that is invalid, though a runtime may run it. What cannot be read is left to the runtime.

    Raises:
        ArtifactError: tensors do not exist, or nodes wait for each other.
    """
    try:
        graph = by_suffix()[path.suffix].parse(path)
    except Exception:  # as in read()
        return
    _refuse_invalid(path, graph)


def _refuse_invalid(path: Path, graph: Graph) -> None:
    if reason := invalid(graph):
        raise ArtifactError(f"{path} is invalid: {reason}. Export it again.")


def damaged(path: Path, error: Exception) -> ArtifactError:
    """The error for a model file that a parser failed on."""
    return ArtifactError(f"{path} is a damaged {path.suffix} model ({wrong_in_file(error)}): copy or export it again.")


def check_place(path: Path) -> None:
    """Reject a path that cannot be a model file, before anything slow starts.

    Raises:
        ArtifactError: unknown suffix, another kind of file, missing, empty, too large, or a folder instead of a file
            (or vice versa).
    """
    refuse_others(path)
    reader = by_suffix().get(path.suffix)
    if reader is None:
        raise ArtifactError(f"{path} is not a model file: ca-deploy reads {', '.join(by_suffix())}.")
    settle(path.parent)
    kind = other_kind(path)
    if kind and not path.is_dir():
        raise ArtifactError(f"Model file {path} {kind}.")
    if reader.is_folder:
        if not path.is_dir():
            raise ArtifactError(f"{path} is a file, but a {reader.suffix} is a folder. Unzip it, or export it again.")
        return
    if path.is_dir():
        raise ArtifactError(f"{path} is a folder. Name the {reader.suffix} file inside it.")
    size = path.stat().st_size
    if size == 0:
        raise ArtifactError(f"{path} is empty. Export it again.")
    if reader.largest_bytes is not None and size > reader.largest_bytes:
        raise ArtifactError(
            f"{path} is {size / 2**30:.1f} GiB; offsets in a {reader.suffix} file end at "
            f"{reader.largest_bytes / 2**30:.0f} GiB. Move large weights out (ONNX: external data), or quantise it."
        )
