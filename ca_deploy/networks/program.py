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


def traced(network: Network, dynamic_batch: bool = False) -> "torch.export.ExportedProgram":
    """The network as a torch.export program; ``dynamic_batch`` makes the batch dimension dynamic.

    Raises:
        ModelError: torch.export cannot trace it.
    """
    import torch

    shapes = ({0: torch.export.Dim("batch")},) if dynamic_batch else None
    example = network.example(batch=2 if dynamic_batch else 1)  # torch.export treats a size of 1 as constant
    try:
        return torch.export.export(network.module, (example,), dynamic_shapes=shapes)
    except Exception as error:  # tracing runs the user's forward, which may raise anything
        remedy = (
            "It fixes its batch size: export it without --dynamic-batch, or (a .pt2 program) save it again with a "
            "dynamic first dimension."
            if dynamic_batch
            else "Its forward probably branches on values, or calls code outside PyTorch: rewrite that part with "
            "tensor operations (https://docs.pytorch.org/docs/stable/export.html)."
        )
        raise ModelError(f"{network.name} cannot be traced by torch.export ({first_line(error)}). {remedy}") from error


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
