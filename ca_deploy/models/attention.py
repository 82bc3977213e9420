"""The attention blocks that a network can have, by name."""

from typing import Literal, get_args

from torch import nn

from ca_deploy.models.axis_attention import AxisAttention
from ca_deploy.models.cbam import Cbam
from ca_deploy.models.coord_attention import CoordAttention
from ca_deploy.models.squeeze_excite import SqueezeExcite

Attention = Literal["ca", "ca_x", "ca_y", "se", "cbam"]

_LEAST = 8  # channels of a bottleneck, as in Coordinate Attention
_BLOCKS = (CoordAttention, AxisAttention, SqueezeExcite, Cbam)


def attention_block(kind: Attention | None, channels: int, reduction: int | None = None) -> nn.Module:
    """The block for maps of ``channels`` channels; None is the identity.

    Args:
        kind: ``"ca"`` Coordinate Attention, ``"ca_x"`` and ``"ca_y"`` its ablations, ``"se"``, ``"cbam"``.
        channels: of the input and of the output.
        reduction: r; the bottleneck has ``max(8, channels // r)`` channels. By default that of the paper's tables:
            32 for Coordinate Attention, 24 for the others.

    Raises:
        ValueError: the kind has no block.
    """
    if kind is None:
        return nn.Identity()
    if kind not in get_args(Attention):
        raise ValueError(f"attention {kind!r} is none of {', '.join(get_args(Attention))}")
    reduction = reduction or (32 if kind == "ca" else 24)
    if kind == "ca":
        return CoordAttention(channels, reduction)
    if kind == "ca_x":
        return AxisAttention(channels, "x", reduction)
    if kind == "ca_y":
        return AxisAttention(channels, "y", reduction)
    squeezed = max(_LEAST, channels // reduction)
    return SqueezeExcite(channels, squeezed) if kind == "se" else Cbam(channels, squeezed)


def open_gates(network: nn.Module, bias: float = 3.0) -> int:
    """Initialise every attention block in ``network`` to almost the identity, and return how many there are.

    For adding attention to a trained backbone: each gate becomes ``sigmoid(bias)``.
    """
    blocks = [module for module in network.modules() if isinstance(module, _BLOCKS)]
    for block in blocks:
        block.open_gates(bias)
    return len(blocks)
