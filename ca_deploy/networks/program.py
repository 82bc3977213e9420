"""Networks as programs: a network in memory is saved for the converter processes."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.errors import ModelError, first_line
from ca_deploy.networks.source import Network
from ca_deploy.records.model import ModelSource
from ca_deploy.records.preprocessing import rgb_of

if TYPE_CHECKING:
    import torch
    from torch import nn

_REWRITE = (
    "Its forward probably branches on values, or calls code outside PyTorch: rewrite that part with tensor operations "
    "(https://docs.pytorch.org/docs/stable/export.html)."
)
_FIX_THE_BATCH = (
    "It fixes its batch size: export it without --dynamic-batch, or (a .pt2 program) save it again with a dynamic "
    "first dimension."
)


def program_of(
    module: "nn.Module", name: str, example: "torch.Tensor", dynamic_batch: bool = False
) -> "torch.export.ExportedProgram":
    """The torch.export program of a module with one input; errors call it ``name``.

    Raises:
        ModelError: torch.export cannot trace it.
    """
    import torch

    shapes = ({0: torch.export.Dim("batch")},) if dynamic_batch else None
    try:
        return torch.export.export(module, (example,), dynamic_shapes=shapes)
    except Exception as error:  # tracing runs the user's forward, which may raise anything
        raise ModelError(
            f"{name} cannot be traced by torch.export ({type(error).__name__}: {first_line(error)}). "
            f"{_FIX_THE_BATCH if dynamic_batch else _REWRITE}"
        ) from error


def traced(network: Network, dynamic_batch: bool = False) -> "torch.export.ExportedProgram":
    """The network as a torch.export program; ``dynamic_batch`` makes the batch dimension dynamic.

    Raises:
        ModelError: torch.export cannot trace it.
    """
    example = network.example(batch=2 if dynamic_batch else 1)  # torch.export treats a size of 1 as constant
    return program_of(network.module, network.name, example, dynamic_batch)


def save_program(network: Network, folder: Path, source: ModelSource, dynamic_batch: bool = False) -> ModelSource:
    """Save a network to ``folder`` as a program; returns the source that loads it with the same preprocessing.

    ``source`` is the one that the network was loaded from.

    Raises:
        ModelError: see :func:`traced`.
    """
    import torch

    path = folder / f"{network.name}.pt2"
    torch.export.save(traced(network, dynamic_batch), path)
    preprocessing = network.preprocessing
    return replace(
        source,
        model=str(path),
        weights=None,
        weights_key=None,
        random_weights=False,
        num_classes=None,
        width=None,
        input_size=network.input_size,
        mean=rgb_of(preprocessing.mean, preprocessing.channels),
        std=rgb_of(preprocessing.std, preprocessing.channels),
        resize=preprocessing.resize if preprocessing.fit == "crop" else None,
        crop=preprocessing.crop,
        fit=preprocessing.fit,
        channels=preprocessing.channels,
        value_range=preprocessing.value_range,
        padding=preprocessing.padding,
    )
