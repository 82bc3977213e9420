"""Layers that change the size of a map: transposed convolution, interpolation, and pixel shuffle with its inverse."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ca_deploy.errors import UnsupportedOperation

Sizes = tuple[int, ...]


def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    pad: Sizes = (),
    output_shape: Sizes | None = None,
    pad_type: str = "valid",
    strides: Sizes | None = None,
    dilations: Sizes | None = None,
    groups: int = 1,
) -> Tensor:
    """``x (N, C, …)`` and ``weight (C, outputs / groups, …)``, with one to three spatial dimensions.

    ``pad`` is cut off the full result on either side; ``output_shape`` keeps more of its end, or zeros behind it.
    """
    if pad_type not in ("valid", "custom"):
        raise UnsupportedOperation(f"conv_transpose with pad_type {pad_type}.")
    spatial = x.ndim - 2
    ones = (1,) * spatial
    convolve: Any = (functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d)[spatial - 1]
    full: Tensor = convolve(x, weight, None, strides or ones, 0, 0, groups, dilations or ones)
    for axis in range(spatial):
        before, after = (pad[2 * axis], pad[2 * axis + 1]) if pad_type == "custom" else (0, 0)
        available = full.shape[2 + axis]
        length = output_shape[2 + axis] if output_shape else available - before - after
        missing = max(0, before + length - available)
        if missing:
            full = torch.cat([full, full.new_zeros(full.shape).narrow(2 + axis, 0, missing)], 2 + axis)
        full = full.narrow(2 + axis, before, length)
    return full if bias is None else full + bias.reshape(-1, *ones)


def upsample_bilinear(
    x: Tensor,
    scale_factor_height: float = 1,
    scale_factor_width: float = 1,
    align_corners: bool = True,
    half_pixel_centers: bool | None = None,
) -> Tensor:
    """``x (N, C, H, W)``; ``half_pixel_centers`` is the opposite of ``align_corners`` where it is not given."""
    if half_pixel_centers is not None and half_pixel_centers == align_corners:
        raise UnsupportedOperation("upsample_bilinear with neither or both of align_corners and half_pixel_centers.")
    size = _scaled(x, scale_factor_height, scale_factor_width)
    return functional.interpolate(x, size, mode="bilinear", align_corners=align_corners)


def upsample_nearest_neighbor(x: Tensor, scale_factor_height: float = 1, scale_factor_width: float = 1) -> Tensor:
    """``x (N, C, H, W)``."""
    return functional.interpolate(x, _scaled(x, scale_factor_height, scale_factor_width), mode="nearest")


def _scaled(x: Tensor, height: float, width: float) -> tuple[int, int]:
    # In float32, a factor such as 2 / 3 is a little more or less than it; sizes are whole.
    return int(x.shape[2] * height + 1e-3), int(x.shape[3] * width + 1e-3)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "conv_transpose": conv_transpose,
    "pixel_shuffle": lambda x, upscale_factor: functional.pixel_shuffle(x, int(upscale_factor)),
    "pixel_unshuffle": lambda x, downscale_factor: functional.pixel_unshuffle(x, int(downscale_factor)),
    "upsample_bilinear": upsample_bilinear,
    "upsample_nearest_neighbor": upsample_nearest_neighbor,
}
