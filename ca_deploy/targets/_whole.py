"""What LiteRT makes of a whole model: whether it loads, and which nodes its XNNPACK delegate takes, in which pieces."""

import re
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ai_edge_litert.interpreter import Interpreter, OpResolverType

from ca_deploy.errors import wrong_in_file
from ca_deploy.graphs import Graph, flatbuffer, tflite
from ca_deploy.graphs.subgraphs import with_first


@dataclass(frozen=True, slots=True)
class Whole:
    """The nodes that a delegate takes in the whole model, and in how many pieces."""

    taken: frozenset[int]
    pieces: int


def installed_whole(path: Path) -> Whole:
    """What the installed LiteRT's delegate takes.

    Raises:
        RuntimeError, ValueError: the runtime cannot run the model.
    """
    pieces = delegated(path)
    return Whole(frozenset().union(*pieces), len(pieces))


def delegated(path: Path) -> list[set[int]]:
    """The node indices of each partition that the default delegate forms, in all subgraphs.

    Raises:
        RuntimeError, ValueError: the runtime cannot run the model.
    """
    model = tflite.load(path)
    renamed = _number_unreadable_names(model)
    pieces: list[set[int]] = []
    begin = 0
    for index, graph in enumerate(tflite.subgraphs(model, path)):
        content = flatbuffer.write(with_first(model, index)) if index or renamed else path.read_bytes()
        pieces += [{begin + node for node in piece} for piece in _pieces(content, graph)]
        begin += len(graph.nodes)
    return pieces


def _number_unreadable_names(model: Any) -> bool:
    """Rename tensors whose names are not UTF-8, which the interpreter cannot give to Python; whether there were any."""
    found = False
    for subgraph in model.subgraphs:
        for number, tensor in enumerate(subgraph.tensors if subgraph.tensors is not None else ()):
            if isinstance(tensor.name, bytes) and "\ufffd" in tensor.name.decode(errors="replace"):
                tensor.name, found = str(number).encode(), True
    return found


def _pieces(content: bytes, graph: Graph) -> list[set[int]]:
    """The partitions of the main subgraph.

    The interpreter reports only the operands of each DELEGATE node; the partition is what lies between its outputs
    and its inputs.
    """
    producers = graph.producers
    pieces = []
    for operands, results in delegates(content):
        waiting, piece = results, set[int]()
        while waiting:
            maker = producers.get(waiting.pop())
            if maker is not None and maker.index not in piece:
                piece.add(maker.index)
                waiting |= set(maker.inputs) - operands
        pieces.append(piece)
    return pieces


def delegates(content: bytes) -> list[tuple[set[int], set[int]]]:
    """The input and output tensors of each DELEGATE node of the main subgraph.

    Raises:
        RuntimeError, ValueError: the runtime cannot run the model.
    """
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    operators: list[dict[str, Any]] = interpreter._get_ops_details()
    return [(set(o["inputs"].tolist()), set(o["outputs"].tolist())) for o in operators if o["op_name"] == "DELEGATE"]


@cache
def refusal(path: Path) -> str:
    """Why LiteRT without a delegate refuses a model, or "": it then hands no nodes to any.

    An operator without a kernel is no reason, because a delegate may bring its own.
    """
    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        Interpreter(str(path), num_threads=1, experimental_op_resolver_type=resolver).allocate_tensors()
    except (RuntimeError, ValueError) as error:
        return "" if "custom op" in str(error) else complaint(error)
    return ""


def complaint(error: Exception) -> str:
    """The runtime's words without the place in its source; it strings complaints on all nodes together."""
    return textwrap.shorten(re.sub(r"^\S+\.cc:\d+ ", "", wrong_in_file(error)), 160, placeholder=" …")
