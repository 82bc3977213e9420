"""Layers with weights or windows: convolution, matrix products, pooling, normalisation."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ca_deploy.errors import UnsupportedOperation

Sizes = tuple[int, ...]


def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    strides: Sizes | None = None,
    pad_type: str = "valid",
    pad: Sizes = (),
    dilations: Sizes | None = None,
    groups: int = 1,
) -> Tensor:
    """``x (N, C, …)`` and ``weight (outputs, C / groups, …)``, with one to three spatial dimensions."""
    spatial = x.ndim - 2
    ones = (1,) * spatial
    strides, dilations = strides or ones, dilations or ones
    sides = _padding(x.shape[2:], tuple(weight.shape[2:]), strides, dilations, pad_type, pad)
    convolve: Any = (functional.conv1d, functional.conv2d, functional.conv3d)[spatial - 1]
    if all(before == after for before, after in sides):
        amounts = [before for before, _ in sides]
        return convolve(x, weight, bias, strides, amounts, dilations, groups)  # type: ignore[no-any-return]
    return convolve(_padded(x, sides, 0.0), weight, bias, strides, 0, dilations, groups)  # type: ignore[no-any-return]


def max_pool(
    x: Tensor,
    kernel_sizes: Sizes,
    strides: Sizes | None = None,
    pad_type: str = "valid",
    pad: Sizes = (),
    ceil_mode: bool = False,
) -> Tensor:
    spatial = x.ndim - 2
    strides = strides or (1,) * spatial
    sides = _padding(x.shape[2:], kernel_sizes, strides, (1,) * spatial, pad_type, pad)
    pool: Any = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[spatial - 1]
    padded = _padded(x, sides, -math.inf)
    return pool(padded, kernel_sizes, strides, ceil_mode=ceil_mode)  # type: ignore[no-any-return]


def avg_pool(
    x: Tensor,
    kernel_sizes: Sizes,
    strides: Sizes | None = None,
    pad_type: str = "valid",
    pad: Sizes = (),
    exclude_padding_from_average: bool = False,
    ceil_mode: bool = False,
) -> Tensor:
    if ceil_mode:
        raise UnsupportedOperation("avg_pool with ceil_mode.")
    spatial = x.ndim - 2
    strides = strides or (1,) * spatial
    sides = _padding(x.shape[2:], kernel_sizes, strides, (1,) * spatial, pad_type, pad)
    pool: Any = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)[spatial - 1]
    mean: Tensor = pool(_padded(x, sides, 0.0), kernel_sizes, strides)
    if exclude_padding_from_average:
        mean = mean / pool(_padded(torch.ones_like(x), sides, 0.0), kernel_sizes, strides)
    return mean


def batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    return functional.batch_norm(x, mean, variance, gamma, beta, training=False, eps=epsilon)


def instance_norm(x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, epsilon: float = 1e-5) -> Tensor:
    """Each map ``(N, C, …)`` normalised by its own mean and variance."""
    return functional.instance_norm(x, weight=gamma, bias=beta, eps=epsilon)


def matmul(x: Tensor, y: Tensor, transpose_x: bool = False, transpose_y: bool = False) -> Tensor:
    return (x.mT if transpose_x else x) @ (y.mT if transpose_y else y)


def layer_norm(
    x: Tensor, axes: Sizes, gamma: Tensor | None = None, beta: Tensor | None = None, epsilon: float = 1e-5
) -> Tensor:
    if [a % x.ndim for a in axes] != list(range(x.ndim - len(axes), x.ndim)):
        raise UnsupportedOperation(f"layer_norm over axes {axes}, which are not the last ones.")
    return functional.layer_norm(x, x.shape[-len(axes) :], gamma, beta, epsilon)


def _padding(
    size: Sizes, kernel: Sizes, strides: Sizes, dilations: Sizes, pad_type: str, pad: Sizes
) -> list[tuple[int, int]]:
    """(before, after) per spatial axis. "same" leads to ``ceil(size / stride)`` outputs; odd padding goes after."""
    if pad_type == "custom":
        return [(pad[2 * axis], pad[2 * axis + 1]) for axis in range(len(size))]
    if pad_type == "valid":
        return [(0, 0)] * len(size)
    sides = []
    for length, width, stride, dilation in zip(size, kernel, strides, dilations, strict=True):
        total = max(0, (math.ceil(length / stride) - 1) * stride + (width - 1) * dilation + 1 - length)
        sides.append((total // 2, total - total // 2))
    return [side[::-1] for side in sides] if pad_type == "same_lower" else sides


def _padded(x: Tensor, sides: list[tuple[int, int]], value: float) -> Tensor:
    amounts = [amount for side in reversed(sides) for amount in side]
    return functional.pad(x, amounts, value=value) if any(amounts) else x


OPERATIONS: dict[str, Callable[..., Any]] = {
    "avg_pool": avg_pool,
    "batch_norm": batch_norm,
    "conv": conv,
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
    "linear": lambda x, weight, bias=None: functional.linear(x, weight, bias),
    "matmul": matmul,
    "max_pool": max_pool,
    "softmax": lambda x, axis=-1: torch.softmax(x, axis),
}
