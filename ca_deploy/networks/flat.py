"""A network as a function of tensors: what it returns, in whatever containers, as a tuple of named tensors."""

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ca_deploy.errors import ModelError, listed
from ca_deploy.records.module_path import WRAPPED


def modules_text(paths: Sequence[str]) -> str:
    """The paths of modules for a message, each once: ``'body.1', its forward and 3 more``."""
    return listed([repr(path) if path else "its forward" for path in dict.fromkeys(paths)])


class Flat(nn.Module):
    """Calls ``network`` with tensors in order, and returns its tensors as a tuple (or the only one), without None.

    ``keywords`` has the name of each tensor that is passed by name, and None for the others.
    """

    def __init__(self, network: nn.Module, keywords: Sequence[str | None]) -> None:
        super().__init__()
        self.add_module(WRAPPED, network)
        self._keywords = tuple(keywords)

    def call(self, *tensors: Tensor) -> Any:
        """What the network itself returns."""
        pairs = list(zip(self._keywords, tensors, strict=True))
        named = {name: tensor for name, tensor in pairs if name is not None}
        return self.get_submodule(WRAPPED)(*(tensor for name, tensor in pairs if name is None), **named)

    def forward(self, *tensors: Tensor) -> Any:
        found = tuple(leaf for _, leaf in leaves(self.call(*tensors)) if isinstance(leaf, Tensor))
        return found[0] if len(found) == 1 else found


class Named(nn.Module):
    """A :class:`Flat` network that takes its tensors by the names ``taken``, and returns a dictionary of the outputs
    ``given``."""

    def __init__(self, network: nn.Module, taken: Sequence[str], given: Sequence[str]) -> None:
        super().__init__()
        self.add_module(WRAPPED, network)

        def forward(**tensors: Tensor) -> dict[str, Tensor]:
            values = network(*(tensors[name] for name in taken))
            return dict(zip(given, values if isinstance(values, tuple) else (values,), strict=True))

        # torch.export 2.13 fails on **tensors with dynamic dimensions: it needs a signature with their names.
        parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in taken]
        forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        self.forward = forward


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Everything in tuples, lists, dictionaries and dataclasses that is none of these, with the path to it."""
    if isinstance(value, Mapping):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        items = list(zip(value._fields, value, strict=True))
    elif isinstance(value, list | tuple):
        items = [(str(number), item) for number, item in enumerate(value)]
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        items = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    else:
        yield path, value
        return
    for name, item in items:
        yield from leaves(item, (*path, name))


def named_tensors(given: Any, network: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors that ``network`` returned by name, ``""`` for one that is in no container, and notes on what it left.

    The name is the path to a tensor, ``boxes`` or ``maps_0``; numbers alone become ``output_0``.

    Raises:
        ModelError: something in it is neither a tensor nor None, or there is no tensor.
    """
    found: dict[str, Tensor] = {}
    notes = []
    for path, leaf in leaves(given):
        place = "".join(f"[{part}]" if part.isdigit() else f"[{part!r}]" for part in path)
        if leaf is None:
            notes.append(f"{network} returns None at {place}, which no file has as an output.")
        elif not isinstance(leaf, Tensor):
            where = f"at {place} of what it returns" if path else "as its output"
            raise ModelError(
                f"{network} has a {type(leaf).__name__} {where}. A file's outputs are tensors: leave it out in the "
                "network's forward, or make a tensor of it."
            )
        elif not leaf.numel():
            where = f" at {place}" if place else ""
            raise ModelError(f"{network} returns an empty tensor {tuple(leaf.shape)}{where}: leave it out.")
        elif remedy := _unlike_a_files(leaf):
            where = f" at {place}" if place else ""
            raise ModelError(f"{network} returns {remedy[0]}{where}, which no file has as an output: {remedy[1]}.")
        else:
            found[_unused(_name(path), found)] = leaf
    if not found:
        raise ModelError(f"{network} returns no tensor ({type(given).__name__}), so there is nothing to export.")
    return found, tuple(notes)


def _unlike_a_files(leaf: Tensor) -> tuple[str, str] | None:
    """What a tensor is and what to do about it, where no file gives such; None for an ordinary one."""
    if leaf.layout != torch.strided:
        return f"a {str(leaf.layout).removeprefix('torch.')} tensor", "call .to_dense() on it"
    if leaf.is_complex():
        return "complex numbers", "return their real and imaginary parts (torch.view_as_real), or their .abs()"
    if leaf.dtype == torch.bfloat16:
        return "bfloat16 numbers", "call .float() on them"
    return None


def _name(path: Sequence[str]) -> str:
    name = re.sub(r"\W", "_", "_".join(path), flags=re.ASCII)
    return f"output_{name}" if name[:1].isdigit() else name


def _unused(name: str, taken: Mapping[str, Any]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
