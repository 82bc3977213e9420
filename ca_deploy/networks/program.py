"""Networks as programs: a network in memory is saved for the converter processes."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ca_deploy.errors import ModelError, first_line
from ca_deploy.networks.source import Network
from ca_deploy.records.model import ModelSource
from ca_deploy.records.preprocessing import rgb_of
from ca_deploy.records.signature import Signature

if TYPE_CHECKING:
    import torch
    from torch import nn

_REWRITE = (
    "Its forward probably branches on values, or calls code outside PyTorch: rewrite that part with tensor operations "
    "(https://docs.pytorch.org/docs/stable/export.html)."
)
_FIX_THE_BATCH = (
    "It fixes its batch size: export it without --dynamic-batch and --batch, or (a .pt2 program) save it again with a "
    "dynamic first dimension."
)
_FIX_THE_SIZE = "It probably fixes the size of its image: export it without --dynamic-size and --sizes."


def program_of(
    module: "nn.Module",
    name: str,
    examples: "Sequence[torch.Tensor]",
    open_dimensions: Sequence[Mapping[int, Any]] | None = None,
) -> "torch.export.ExportedProgram":
    """The torch.export program of a module that takes tensors in order; errors call it ``name``.

    ``open_dimensions`` are those of each tensor, as :func:`open_dimensions` gives them; without them, all are fixed.

    Raises:
        ModelError: torch.export cannot trace it.
    """
    import torch

    from ca_deploy.networks.inner_paths import inner_paths

    shapes = None if open_dimensions is None else in_order(module, open_dimensions)
    try:
        with inner_paths(module):
            return torch.export.export(module, tuple(examples), dynamic_shapes=shapes)
    except Exception as error:  # tracing runs the user's forward, which may raise anything
        batched = any(example.ndim and len(example) > 1 for example in examples)
        raise _untraceable(name, error, batched, open_dimensions) from error


def open_dimensions(
    signature: Signature, batch: Any = None, height: Any = None, width: Any = None
) -> tuple[dict[int, Any], ...]:
    """The open dimensions of each input: the batch of all, height and width of the images; None stays fixed."""
    found = []
    for taken in signature.inputs:
        sides = {0: batch, 2: height, 3: width} if taken.preprocessing is not None else {0: batch}
        found.append({axis: side for axis, side in sides.items() if side is not None})
    return tuple(found)


def in_order(module: "nn.Module", each: Sequence[Mapping[int, Any]]) -> Any:
    """``dynamic_shapes`` of torch.export for tensors that ``module`` takes in order."""
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(module.forward).parameters.values())
    return (tuple(each),) if takes_any else tuple(each)


def _untraceable(
    name: str, error: Exception, batched: bool, open_dimensions: Sequence[Mapping[int, Any]] | None
) -> ModelError:
    remedy = _FIX_THE_BATCH if batched else _REWRITE
    if open_dimensions is not None and any(axis > 0 for sides in open_dimensions for axis in sides):
        remedy = _FIX_THE_SIZE
    return ModelError(
        f"{name} cannot be traced by torch.export ({type(error).__name__}: {first_line(error)}). {remedy}"
    )


def traced(
    network: Network, dynamic_batch: bool = False, batch: int = 1, dynamic_size: bool = False
) -> "torch.export.ExportedProgram":
    """The network as a torch.export program; ``dynamic_batch`` and ``dynamic_size`` leave dimensions open.

    Raises:
        ModelError: torch.export cannot trace it.
    """
    network = network.converted
    examples = network.examples(2 if dynamic_batch else batch)  # torch.export treats a size of 1 as constant
    return program_of(network.module, network.name, examples, _open(network.signature, dynamic_batch, dynamic_size))


def _open(signature: Signature, dynamic_batch: bool, dynamic_size: bool) -> tuple[dict[int, Any], ...] | None:
    from torch.export import Dim

    if not dynamic_batch and not dynamic_size:
        return None
    # A named dimension has to be free of all constraints; AUTO takes those that the network has.
    side = Dim.AUTO if dynamic_size else None
    return open_dimensions(signature, Dim("batch") if dynamic_batch else None, side, side)


def save_program(
    network: Network, folder: Path, source: ModelSource, dynamic_batch: bool = False, dynamic_size: bool = False
) -> ModelSource:
    """Save a network to ``folder`` as a program; returns the source that loads it with the same preprocessing.

    ``source`` is the one that the network was loaded from.

    Raises:
        ModelError: see :func:`traced`.
    """
    import torch

    path = folder / f"{network.name}.pt2"
    head = network.head if network.unfinished else None  # others are in the program
    network = network.converted
    if network.is_wrapped:
        program = _with_names(network, dynamic_batch, dynamic_size)
    else:
        program = traced(network, dynamic_batch, dynamic_size=dynamic_size)
    torch.export.save(program, path)
    without = replace(
        source,
        model=str(path),
        weights=None,
        weights_key=None,
        backbone_weights=None,
        random_weights=False,
        evaluation_mode=False,
        num_classes=None,
        width=None,
        head=head,
        box_coding=network.signature.boxes,
    )
    photo = network.signature.photo
    if photo is None:
        return without
    return replace(
        without,
        input_size=photo.crop,
        mean=rgb_of(photo.mean, photo.channels),
        std=rgb_of(photo.std, photo.channels),
        resize=photo.resize if photo.fit == "crop" else None,
        crop=photo.crop,
        fit=photo.fit,
        channels=photo.channels,
        value_range=photo.value_range,
        padding=photo.padding,
    )


def _with_names(network: Network, dynamic_batch: bool, dynamic_size: bool) -> "torch.export.ExportedProgram":
    """A program that takes the inputs, and returns a dictionary of the outputs, by the names in the signature."""
    import torch

    from ca_deploy.networks.flat import Named

    taken, given = ([one.name for one in side] for side in (network.signature.inputs, network.signature.outputs))
    named = Named(network.module, taken, given)
    examples = network.examples(2 if dynamic_batch else 1)
    fed = dict(zip(taken, examples, strict=True))
    sides = _open(network.signature, dynamic_batch, dynamic_size)
    shapes = dict(zip(taken, sides, strict=True)) if sides is not None else None
    try:
        return torch.export.export(named, (), fed, dynamic_shapes=shapes)
    except Exception as error:  # as in program_of
        raise _untraceable(network.name, error, dynamic_batch, sides) from error
