"""The gates of attention in an exported file, beside those of the network that it was made from.

A gate is the result of a sigmoid, or of what the lowering writes in its place, in a module of the block; in an integer
file what is left of it after quantisation. Which of them is for rows and which for columns, and how its axes lie, is
decided by their number, and where that leaves a choice by what is nearest to the network's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ca_deploy.evaluation.gates import Gates
from ca_deploy.evaluation.inner import is_inside, kept, names_modules, orders, sides, turned
from ca_deploy.graphs import ABSENT, Graph, read
from ca_deploy.records.lowering import LeftAlone
from ca_deploy.runtimes import inner_tensors

_SIGMOIDS = {"sigmoid", "logistic", "hardsigmoid", "hard_sigmoid", "sigmoid_hard"}
_TFLITE_RELU6 = 3  # ActivationFunctionType in TensorFlow Lite's schema


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A tensor that may be a gate: ``scale * value + offset``."""

    tensor: str
    scale: float
    offset: float


def gates_of_file(
    path: Path, feeds: Mapping[str, NDArray[Any]], network: Sequence[Gates]
) -> tuple[list[tuple[Gates, Gates]], list[LeftAlone]]:
    """The gates of a file for ``feeds``, its inputs by name, block by block, each with those of its ``network`` for the
    same; and what is not found.

    Raises:
        ArtifactError, RuntimeUnavailable: the file cannot be read, or its inner tensors cannot.
    """
    graph = read(path)
    if names_modules(graph):
        candidates = [_inside(graph, gates.modules) for gates in network]
    else:
        candidates = _in_order(graph, network)
    names = list(dict.fromkeys(one.tensor for some in candidates for one in some))
    values = next(inner_tensors(path, [feeds], names)) if names else {}
    found, missing = [], []
    for gates, some in zip(network, candidates, strict=True):
        read_values = {one: one.scale * values[one.tensor] + one.offset for one in some}
        matched, lost = _matched(gates, list(read_values.values()))
        if matched:
            found.append((replace(gates, values=matched), gates))
        if lost:
            kinds = " and ".join(lost)
            missing.append(LeftAlone(gates.module, f"{path.name} has no sigmoid there that fits the gates of {kinds}"))
    return found, missing


def _in_order(graph: Graph, network: Sequence[Gates]) -> list[list[_Candidate]]:
    """Those of each block in a file that names no modules, as Core ML's.

    Blocks with gates of the same shapes share what fits these, in the order in which both are computed; none, where
    there are more or fewer of them than gates.
    """
    alike: dict[tuple[tuple[int, ...], ...], list[int]] = {}
    for number, gates in enumerate(network):
        alike.setdefault(tuple(sorted(sides(value.shape) for value in gates.values.values())), []).append(number)
    everywhere = [(one, sides(shape)) for one, shape, _ in _candidates(graph)]
    found: list[list[_Candidate]] = [[] for _ in network]
    for shapes, numbers in alike.items():
        fitting = [one for one, extent in everywhere if extent in shapes]
        if len(fitting) == len(shapes) * len(numbers):
            for place, number in enumerate(numbers):
                found[number] = fitting[place * len(shapes) : (place + 1) * len(shapes)]
    return found


def _inside(graph: Graph, modules: Sequence[str]) -> list[_Candidate]:
    return [one for one, _, module in _candidates(graph) if is_inside(module, modules)]


def _candidates(graph: Graph) -> Iterator[tuple[_Candidate, tuple[int, ...], str]]:
    """What may be a gate, its shape, and the module that it is computed in."""
    for node in graph.nodes:
        kind, result = node.operator.lower(), next(iter(node.outputs), ABSENT)
        if result == ABSENT:
            continue
        if kind in _SIGMOIDS:
            scale, offset = 1.0, 0.0
        elif kind == "tanh":  # 1 + tanh(z / 2) is twice the sigmoid of z
            scale, offset = 0.5, 0.5
        elif kind in ("relu6", "clip") or node.attributes.get("fusedActivationFunction") == _TFLITE_RELU6:
            scale, offset = 1 / 6, 0.0  # relu6(z + 3) is six times the hard sigmoid of z
        else:
            continue
        yield _Candidate(kept(graph, result), scale, offset), graph.tensors[result].shape or (), node.module


def _matched(gates: Gates, values: Sequence[NDArray[np.float32]]) -> tuple[Mapping[str, Tensor], list[str]]:
    """Each kind of gate -> the values that fit it best, each used once; and the kinds that none fits."""
    fits: list[tuple[float, str, int, Tensor]] = []
    for extent, wanted in gates.values.items():
        for number, value in enumerate(values):
            fits += [
                (float((arranged - wanted).abs().mean()), extent, number, arranged)
                for arranged in _arranged(value, wanted)
            ]
    found: dict[str, Tensor] = {}
    used: set[int] = set()
    for _, extent, number, arranged in sorted(fits, key=lambda fit: fit[0]):
        if extent not in found and number not in used:
            found[extent] = arranged
            used.add(number)
    kept = {extent: found[extent] for extent in gates.values if extent in found}
    return kept, [extent for extent in gates.values if extent not in found]


def _arranged(value: NDArray[np.float32], wanted: Tensor) -> Iterator[Tensor]:
    """A file's tensor with its axes as those of a gate ``(C, H, W)``, in every way in which they fit."""
    for order in orders(value.shape, wanted.shape):
        yield torch.from_numpy(turned(value, order, wanted.shape))
