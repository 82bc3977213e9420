"""What of a network's inputs and outputs a format cannot have, found before anything is converted."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network


def types_among(network: "Network", inputs: Collection[str], outputs: Collection[str]) -> Iterator[str]:
    """A sentence for each input and output whose type is not among these."""
    for kind, tensors, possible in (
        ("input", network.signature.inputs, inputs),
        ("output", network.signature.outputs, outputs),
    ):
        for tensor in tensors:
            if tensor.dtype not in possible:
                other = "int32" if "int" in tensor.dtype else "float32"
                yield f"its {kind} {tensor.name!r} is {tensor.dtype}. Make it {other} in the network"


def ranks_up_to(network: "Network", most: int) -> Iterator[str]:
    """A sentence for each input and output with more dimensions, the batch included."""
    for kind, tensors in (("input", network.signature.inputs), ("output", network.signature.outputs)):
        for tensor in tensors:
            if len(tensor.shape) > most:
                yield (
                    f"its {kind} {tensor.name!r}, {tensor.shape}, has {len(tensor.shape)} dimensions, and {most} are "
                    "possible. Join some of them (flatten) in the network"
                )
