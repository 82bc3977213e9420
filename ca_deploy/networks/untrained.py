"""Random weights that behave as trained ones: batch norms with statistics of what runs through them.

A new batch norm leaves its input as it is. Behind each gate a map is then smaller than before it, and after 16 blocks
nothing is left that could be quantised, or compared.
"""

import contextlib

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ca_deploy.records.preprocessing import Size, sides

_IMAGES = 4


@torch.no_grad()
def settle(network: nn.Module, input_size: Size) -> None:
    """Give the batch norms of a network in evaluation mode the statistics of noise, always the same.

    The noise has the size of its input: padding has a larger part in a smaller map, which makes its values smaller.
    """

    def measure(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, _BatchNorm) and norm.running_mean is not None and norm.running_var is not None
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3))
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)

    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    handles = [norm.register_forward_pre_hook(measure) for norm in norms]
    try:
        with contextlib.suppress(RuntimeError, ValueError):  # a size that it cannot take: its first run says so
            network(_noise((_IMAGES, 3, *sides(input_size))))
    finally:
        for handle in handles:
            handle.remove()


def _noise(shape: tuple[int, ...]) -> Tensor:
    """Of two scales, of different brightness and contrast, as photos are."""
    count, depth, height, width = shape
    chance = torch.Generator().manual_seed(0)
    coarse = torch.randn(count, depth, 8, 8, generator=chance)
    coarse = nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    level, contrast = torch.randn(count, 1, 1, 1, generator=chance), torch.rand(count, 1, 1, 1, generator=chance) + 0.5
    return level + contrast * (coarse + 0.3 * torch.randn(shape, generator=chance))
