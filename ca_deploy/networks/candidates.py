"""The dictionaries of tensors in a checkpoint: each is a candidate for a network's weights."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ca_deploy.errors import CheckpointError
from ca_deploy.networks.safe_pickle import NumberArray

# Entries for an exponential moving average of the weights (timm, Lightning, YOLO, BasicSR): usually what was validated.
EMA_ENTRIES = frozenset({"state_dict_ema", "model_ema", "ema_state_dict", "ema", "params_ema"})


# What torch.compile, FSDP and activation checkpointing put around a module, which may be any part of the network.
_WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})


class _Node(NamedTuple):
    """A dictionary, and the entry ``key`` of the dictionary ``outer`` that it is; the outermost is in none."""

    outer: "_Node | None"
    key: str
    held: dict[object, object]

    @property
    def entries(self) -> tuple[str, ...]:
        node, entries = self, []
        while node.outer is not None:
            entries.append(node.key)
            node = node.outer
        return tuple(reversed(entries))


@dataclass(frozen=True, slots=True)
class Candidate:
    """The tensors of one dictionary by key; ``unwrapped`` are the names of wrappers that were taken out of the keys."""

    tensors: Mapping[str, Tensor]
    node: _Node
    unwrapped: tuple[str, ...] = ()

    @property
    def entries(self) -> tuple[str, ...]:
        """The entries that lead to the dictionary; none to the outermost."""
        return self.node.entries

    @property
    def is_ema(self) -> bool:
        return not EMA_ENTRIES.isdisjoint(self.entries)


def without_wrappers(candidate: Candidate, own: Collection[str]) -> Candidate | None:
    """The tensors without the names of wrappers inside their keys; None where there are none, or the network's keys,
    ``own``, have them too."""
    found = {part for key in candidate.tensors for part in key.split(".") if part in _WRAPPERS}
    found -= {part for key in own for part in key.split(".")}
    if not found:
        return None
    tensors = {
        ".".join(part for part in key.split(".") if part not in found): value
        for key, value in candidate.tensors.items()
    }
    if len(tensors) < len(candidate.tensors):
        return None
    return Candidate(tensors, candidate.node, tuple(sorted(found)))


def candidates_in(content: object, path: Path) -> tuple[Candidate, ...]:
    """Every dictionary in ``content`` that holds tensors, outer ones first; each is entered once, even in a circle.

    Raises:
        CheckpointError: there is none.
    """
    if not isinstance(content, dict):
        raise CheckpointError(
            f"Checkpoint {path} contains a {type(content).__name__}, not a dictionary of weights. Save the dictionary "
            "alone: torch.save(network.state_dict(), 'weights.pth')."
        )
    nodes = _nodes(content)
    found = [Candidate(tensors, node) for node in nodes if (tensors := _tensors(node.held))]
    if not found:
        circle = _circle(nodes)
        held = ", ".join(map(str, list(dict.keys(content))[:8])) or "nothing"
        what = (
            f": its entry {circle} leads back to a dictionary that contains it" if circle else f" (its entries: {held})"
        )
        raise CheckpointError(
            f"Checkpoint {path} has no weights{what}. Save the bare weights: "
            "torch.save(network.state_dict(), 'weights.pth')."
        )
    return tuple(found)


def unusable_form(value: Tensor) -> str | None:
    """How a tensor is stored if a network cannot load it; None for an ordinary one."""
    if value.is_meta:
        return "without its values (it is on the meta device)"
    if value.is_nested or value.layout is not torch.strided:
        return f"in the layout {'nested' if value.is_nested else str(value.layout)}"
    return "as a quantised tensor" if value.is_quantized else None


def _nodes(content: dict[object, object]) -> list[_Node]:
    nodes = [_Node(None, "", content)]
    around = {id(content)}
    for node in nodes:  # grows while it is read: outer dictionaries come first
        # An unpickled OrderedDict has the attributes that the file gives it, which may hide its methods.
        for key, value in dict.items(node.held):
            if isinstance(value, dict) and id(value) not in around:
                around.add(id(value))
                nodes.append(_Node(node, str(key), value))
    return nodes


def _circle(nodes: list[_Node]) -> str | None:
    """The entries that lead from the outermost dictionary back to one on their way, joined by dots."""
    for node in nodes[:100]:
        inside = {id(value): str(key) for key, value in dict.items(node.held)}
        outer: _Node | None = node
        while outer is not None:
            if id(outer.held) in inside:
                return ".".join((*node.entries, inside[id(outer.held)]))
            outer = outer.outer
    return None


def _tensors(held: dict[object, object]) -> dict[str, Tensor]:
    found = {}
    for key, value in dict.items(held):
        tensor = value.tensor if isinstance(value, NumberArray) else value
        if isinstance(key, str) and isinstance(tensor, Tensor):
            found[key] = tensor
    return found
