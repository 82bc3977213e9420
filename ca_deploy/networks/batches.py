"""Several samples at once: a file for them needs a network that answers each as it does alone."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ca_deploy.errors import ModelError, first_line

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network

_TOLERANCE = 1e-3  # of the largest value: rounding differs between one sample and several


def refuse_dependence(network: "Network", batch: int) -> None:
    """Refuse a network that does not take ``batch`` samples at once, or whose answers depend on the other samples.

    Raises:
        ModelError: says which output, and what to do.
    """
    fed = network.examples(batch)
    name = network.name
    with torch.inference_mode():
        alone = _outputs(network, [one[:1] for one in fed])
        try:
            together = _outputs(network, fed)
        except Exception as error:  # whatever its operations raise, or the guard of a program
            raise ModelError(
                f"{name} cannot take {batch} samples at once: {first_line(error)}. It fixes its batch size: drop "
                "--dynamic-batch and --batch, or (a .pt2 program) save it again with a dynamic first dimension."
            ) from error
    for output, one, several in zip(network.signature.outputs, alone, together, strict=True):
        if not one.ndim or several.shape != (batch * one.shape[0], *one.shape[1:]):
            continue
        first = several[: len(one)]
        if one.is_floating_point() and (one - first).abs().max() > _TOLERANCE * one.abs().max():
            raise ModelError(
                f"The output {output.name!r} of {name} for one sample depends on the others of its batch, as with "
                "batch norms that have no running statistics, or a mean over the first side. Drop --dynamic-batch and "
                "--batch, or let the network compute each sample alone."
            )


def _outputs(network: "Network", fed: "list[Tensor] | tuple[Tensor, ...]") -> tuple[Tensor, ...]:
    given = network.module(*fed)
    return given if isinstance(given, tuple) else (given,)
