"""Each MIL operation as coremltools builds it, and as PyTorch computes it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from coremltools.converters.mil.mil import Builder as mb
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

SHAPE = (1, 4, 6, 8)
_random = np.random.default_rng(0)
X = _random.uniform(-4, 4, SHAPE).astype(np.float32)
OTHER = _random.uniform(0.5, 2, (1, 4, 1, 8)).astype(np.float32)
KERNEL = _random.normal(size=(6, 2, 3, 3)).astype(np.float32)
UP_KERNEL = np.random.default_rng(1).normal(size=(4, 3, 3, 3)).astype(np.float32)
BIAS3 = np.arange(3, dtype=np.float32)
DENSE = _random.normal(size=(5, 8)).astype(np.float32)
BIAS5, VECTOR = np.arange(5, dtype=np.float32), np.array([0.5, 1, 2, 4], np.float32)
INTEGERS = _random.integers(-128, 128, (5, 8)).astype(np.int8)
SCALES = _random.uniform(0.01, 0.1, 5).astype(np.float32)
TABLE = np.sort(_random.normal(size=16)).astype(np.float32)
PLACES = np.random.default_rng(2).integers(0, 8, (1, 4, 6, 3)).astype(np.int32)
INDICES = _random.integers(0, 16, (5, 8)).astype(np.uint8)


def t(value: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.asarray(value, np.float32))


def packed(indices: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    unpacked = np.unpackbits(indices.reshape(-1, 1), axis=1, bitorder="little")[:, :bits]
    return np.packbits(unpacked.ravel(), bitorder="little")


def pair(x: Any, scale: Any, zero_point: Any, dtype: str, axis: int | None = None) -> Any:
    """quantize and dequantize: a program cannot output integers."""
    rest = {"scale": scale, "zero_point": zero_point} | ({} if axis is None else {"axis": axis})
    return mb.dequantize(input=mb.quantize(input=x, output_dtype=dtype, **rest), **rest)


def number(x: Any) -> Any:
    """A boolean as 0 or 1: a program cannot output booleans."""
    return mb.cast(x=x, dtype="fp32")


def fake(x: Tensor, scale: float | Tensor, zero_point: int | Tensor, low: int, high: int) -> Tensor:
    return (torch.clamp(torch.round(x / scale) + zero_point, low, high) - zero_point) * scale


Case = tuple[Callable[[Any], Any], Callable[[Tensor], Tensor]]
# Scalars and constants are given in float32; the float16 program casts them.
CASES: dict[str, Case] = {
    "identity": (lambda x: mb.identity(x=x), lambda x: x),
    "conv_transpose": (
        lambda x: mb.conv_transpose(x=x, weight=UP_KERNEL, bias=BIAS3, strides=[2, 2]),
        lambda x: functional.conv_transpose2d(x, t(UP_KERNEL), t(BIAS3), 2),
    ),
    "conv_transpose_padded": (
        lambda x: mb.conv_transpose(
            x=x, weight=UP_KERNEL, strides=[2, 2], pad_type="custom", pad=[1, 1, 1, 1], output_shape=[1, 3, 12, 16]
        ),
        lambda x: functional.conv_transpose2d(x, t(UP_KERNEL), None, 2, 1, 1),
    ),
    "upsample_bilinear": (
        lambda x: mb.upsample_bilinear(x=x, scale_factor_height=2.0, scale_factor_width=1.5, align_corners=False),
        lambda x: functional.interpolate(x, (12, 12), mode="bilinear", align_corners=False),
    ),
    "upsample_bilinear_corners": (
        lambda x: mb.upsample_bilinear(x=x, scale_factor_height=3.0, scale_factor_width=2.0, align_corners=True),
        lambda x: functional.interpolate(x, (18, 16), mode="bilinear", align_corners=True),
    ),
    "upsample_nearest_neighbor": (
        lambda x: mb.upsample_nearest_neighbor(x=x, scale_factor_height=2.0, scale_factor_width=2.0),
        lambda x: functional.interpolate(x, scale_factor=2, mode="nearest"),
    ),
    "add": (lambda x: mb.add(x=x, y=OTHER), lambda x: x + t(OTHER)),
    "sub": (lambda x: mb.sub(x=x, y=OTHER), lambda x: x - t(OTHER)),
    "mul": (lambda x: mb.mul(x=x, y=OTHER), lambda x: x * t(OTHER)),
    "real_div": (lambda x: mb.real_div(x=x, y=OTHER), lambda x: x / t(OTHER)),
    "pow": (lambda x: mb.pow(x=x, y=2.0), lambda x: x**2),
    "minimum": (lambda x: mb.minimum(x=x, y=OTHER), lambda x: torch.minimum(x, t(OTHER))),
    "maximum": (lambda x: mb.maximum(x=x, y=OTHER), lambda x: torch.maximum(x, t(OTHER))),
    "abs": (lambda x: mb.abs(x=x), torch.abs),
    "ceil": (lambda x: mb.ceil(x=x), torch.ceil),
    "clip": (lambda x: mb.clip(x=x, alpha=-1.0, beta=2.0), lambda x: x.clamp(-1, 2)),
    "clamped_relu": (
        lambda x: mb.clamped_relu(x=x, alpha=0.5, beta=2.0),
        lambda x: functional.leaky_relu(x, 0.5).clamp(max=2),
    ),
    "cos": (lambda x: mb.cos(x=x), torch.cos),
    "elu": (lambda x: mb.elu(x=x, alpha=0.5), lambda x: functional.elu(x, 0.5)),
    "erf": (lambda x: mb.erf(x=x), torch.erf),
    "exp": (lambda x: mb.exp(x=x), torch.exp),
    "floor": (lambda x: mb.floor(x=x), torch.floor),
    "gelu": (lambda x: mb.gelu(x=x, mode="EXACT"), functional.gelu),
    "gelu_tanh": (
        lambda x: mb.gelu(x=x, mode="TANH_APPROXIMATION"),
        lambda x: functional.gelu(x, approximate="tanh"),
    ),
    "gelu_sigmoid": (lambda x: mb.gelu(x=x, mode="SIGMOID_APPROXIMATION"), lambda x: x * torch.sigmoid(1.702 * x)),
    "inverse": (lambda x: mb.inverse(x=mb.abs(x=x), epsilon=0.1), lambda x: 1 / (x.abs() + 0.1)),
    "leaky_relu": (lambda x: mb.leaky_relu(x=x, alpha=0.1), lambda x: functional.leaky_relu(x, 0.1)),
    "linear_activation": (lambda x: mb.linear_activation(x=x, alpha=2.0, beta=0.5), lambda x: 2 * x + 0.5),
    "log": (lambda x: mb.log(x=mb.exp(x=x)), lambda x: x),
    "relu": (lambda x: mb.relu(x=x), torch.relu),
    "relu6": (lambda x: mb.relu6(x=mb.mul(x=x, y=3.0)), lambda x: functional.relu6(3 * x)),
    "rsqrt": (lambda x: mb.rsqrt(x=mb.exp(x=x)), lambda x: torch.exp(-x / 2)),
    "sigmoid": (lambda x: mb.sigmoid(x=x), torch.sigmoid),
    "sigmoid_hard": (lambda x: mb.sigmoid_hard(x=x, alpha=1 / 6, beta=0.5), functional.hardsigmoid),
    "sign": (lambda x: mb.sign(x=x), torch.sign),
    "silu": (lambda x: mb.silu(x=x), functional.silu),
    "sin": (lambda x: mb.sin(x=x), torch.sin),
    "softplus": (lambda x: mb.softplus(x=x), functional.softplus),
    "softsign": (lambda x: mb.softsign(x=x), functional.softsign),
    "sqrt": (lambda x: mb.sqrt(x=mb.abs(x=x)), lambda x: x.abs().sqrt()),
    "square": (lambda x: mb.square(x=x), torch.square),
    "tanh": (lambda x: mb.tanh(x=x), torch.tanh),
    "threshold": (lambda x: mb.threshold(x=x, alpha=0.5), lambda x: x.clamp(min=0.5)),
    "thresholded_relu": (lambda x: mb.thresholded_relu(x=x, alpha=0.5), lambda x: functional.threshold(x, 0.5, 0)),
    "pixel_shuffle": (lambda x: mb.pixel_shuffle(x=x, upscale_factor=2), lambda x: functional.pixel_shuffle(x, 2)),
    "pixel_unshuffle": (
        lambda x: mb.pixel_unshuffle(x=x, downscale_factor=np.uint32(2)),
        lambda x: functional.pixel_unshuffle(x, 2),
    ),
    "instance_norm": (
        lambda x: mb.instance_norm(x=x, gamma=VECTOR, beta=VECTOR),
        lambda x: functional.instance_norm(x, weight=t(VECTOR), bias=t(VECTOR)),
    ),
    "cast": (lambda x: mb.cast(x=mb.cast(x=x, dtype="int32"), dtype="fp32"), torch.trunc),
    "cast_bool": (lambda x: mb.cast(x=mb.cast(x=mb.relu(x=x), dtype="bool"), dtype="fp32"), lambda x: (x > 0).float()),
    "softmax": (lambda x: mb.softmax(x=x, axis=1), lambda x: x.softmax(1)),
    "reduce_mean": (lambda x: mb.reduce_mean(x=x, axes=[-1], keep_dims=True), lambda x: x.mean(-1, keepdim=True)),
    "reduce_sum": (lambda x: mb.reduce_sum(x=x, axes=[2, 3], keep_dims=False), lambda x: x.sum((2, 3))),
    "reduce_max": (lambda x: mb.reduce_max(x=x, axes=[1], keep_dims=True), lambda x: x.amax(1, keepdim=True)),
    "reduce_min": (lambda x: mb.reduce_min(x=x, axes=[1], keep_dims=False), lambda x: x.amin(1)),
    "reduce_l2_norm": (
        lambda x: mb.reduce_l2_norm(x=x, axes=[1], keep_dims=True),
        lambda x: x.norm(dim=1, keepdim=True),
    ),
    "concat": (lambda x: mb.concat(values=[x, mb.relu(x=x)], axis=2), lambda x: torch.cat([x, x.relu()], 2)),
    "split": (
        lambda x: mb.concat(values=mb.split(x=x, split_sizes=[1, 3], axis=1)[::-1], axis=1),
        lambda x: torch.cat([x[:, 1:], x[:, :1]], 1),
    ),
    "split_equally": (
        lambda x: mb.concat(values=mb.split(x=x, num_splits=2, axis=3)[::-1], axis=3),
        lambda x: torch.cat([x[..., 4:], x[..., :4]], 3),
    ),
    "stack": (lambda x: mb.stack(values=[x, x], axis=0), lambda x: torch.stack([x, x])),
    "expand_dims": (
        lambda x: mb.expand_dims(x=mb.reduce_sum(x=x, axes=[0], keep_dims=False), axes=[0, -1]),
        lambda x: x[..., None],
    ),
    "squeeze": (lambda x: mb.squeeze(x=x, axes=[0]), lambda x: x[0]),
    "reshape": (lambda x: mb.reshape(x=x, shape=[1, 4, -1]), lambda x: x.reshape(1, 4, -1)),
    "transpose": (lambda x: mb.transpose(x=x, perm=[0, 2, 3, 1]), lambda x: x.permute(0, 2, 3, 1)),
    "tile": (lambda x: mb.tile(x=x, reps=[1, 2, 1, 1]), lambda x: x.repeat(1, 2, 1, 1)),
    "slice_by_index": (
        lambda x: mb.slice_by_index(
            x=x, begin=[0, 1, 0, 1], end=[0, 3, 5, 7], stride=[1, 1, 2, 3], end_mask=[True, False, False, False]
        ),
        lambda x: x[:, 1:3, 0:5:2, 1:7:3],
    ),
    "slice_and_squeeze": (
        lambda x: mb.slice_by_index(
            x=x, begin=[0, 2, 0, 0], end=[1, 3, 6, 8], squeeze_mask=[False, True, False, False]
        ),
        lambda x: x[:, 2],
    ),
    "pad": (lambda x: mb.pad(x=x, pad=[0, 0, 0, 0, 1, 2, 0, 3]), lambda x: functional.pad(x, (0, 3, 1, 2))),
    "pad_reflect": (
        lambda x: mb.pad(x=x, pad=[0, 0, 0, 0, 1, 2, 0, 3], mode="reflect"),
        lambda x: functional.pad(x, (0, 3, 1, 2), mode="reflect"),
    ),
    "conv": (
        lambda x: mb.conv(x=x, weight=KERNEL, strides=[2, 1], pad_type="custom", pad=[1, 1, 1, 1], groups=2),
        lambda x: functional.conv2d(x, t(KERNEL), stride=(2, 1), padding=1, groups=2),
    ),
    "conv_uneven": (
        lambda x: mb.conv(x=x, weight=KERNEL, strides=[2, 2], pad_type="custom", pad=[0, 1, 0, 1], groups=2),
        lambda x: functional.conv2d(functional.pad(x, (0, 1, 0, 1)), t(KERNEL), stride=2, groups=2),
    ),
    "conv_same": (
        lambda x: mb.conv(x=x, weight=KERNEL, strides=[2, 2], pad_type="same", groups=2),
        lambda x: functional.conv2d(functional.pad(x, (0, 1, 0, 1)), t(KERNEL), stride=2, groups=2),
    ),
    "linear": (lambda x: mb.linear(x=x, weight=DENSE, bias=BIAS5), lambda x: functional.linear(x, t(DENSE), t(BIAS5))),
    "matmul": (lambda x: mb.matmul(x=x, y=DENSE, transpose_y=True), lambda x: x @ t(DENSE).T),
    "max_pool": (
        lambda x: mb.max_pool(x=x, kernel_sizes=[3, 3], strides=[2, 2], pad_type="custom", pad=[1, 1, 1, 1]),
        lambda x: functional.max_pool2d(x, 3, 2, 1),
    ),
    "avg_pool": (
        lambda x: mb.avg_pool(x=x, kernel_sizes=[3, 3], strides=[2, 2], pad_type="custom", pad=[1, 1, 1, 1]),
        lambda x: functional.avg_pool2d(x, 3, 2, 1),
    ),
    "avg_pool_inside": (
        lambda x: mb.avg_pool(
            x=x, kernel_sizes=[3, 3], strides=[1, 1], pad_type="same", exclude_padding_from_average=True
        ),
        lambda x: functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False),
    ),
    "batch_norm": (
        lambda x: mb.batch_norm(x=x, mean=VECTOR, variance=VECTOR, gamma=VECTOR, beta=VECTOR),
        lambda x: functional.batch_norm(x, t(VECTOR), t(VECTOR), t(VECTOR), t(VECTOR)),
    ),
    "layer_norm": (
        lambda x: mb.layer_norm(x=x, axes=[2, 3]),
        lambda x: functional.layer_norm(x, SHAPE[2:]),
    ),
    "crop": (
        lambda x: mb.crop(x=x, crop_height=[1, 2], crop_width=[0, 3]),
        lambda x: x[..., 1:-2, :-3],
    ),
    "reverse": (lambda x: mb.reverse(x=x, axes=[3, 1]), lambda x: x.flip(3, 1)),
    "gather": (
        lambda x: mb.gather(x=x, indices=np.array([[5, 0], [2, 2]], np.int32), axis=2),
        lambda x: x[:, :, torch.tensor([[5, 0], [2, 2]])],
    ),
    "gather_from_the_end": (lambda x: mb.gather(x=x, indices=[-1, 1], axis=-1), lambda x: x[..., [7, 1]]),
    "gather_batches": (
        lambda x: mb.gather(x=x, indices=np.array([[3, 0]], np.int32), axis=1, batch_dims=1),
        lambda x: x[:, [3, 0]],
    ),
    "gather_along_axis": (
        lambda x: mb.gather_along_axis(x=x, indices=PLACES, axis=3),
        lambda x: torch.take_along_dim(x, torch.from_numpy(PLACES).long(), 3),
    ),
    "gather_nd": (
        lambda x: mb.gather_nd(x=x, indices=np.array([[0, 3, 5], [0, 1, -6]], np.int32)),
        lambda x: x[[0, 0], [3, 1], [5, 0]],
    ),
    "gather_nd_batches": (
        lambda x: mb.gather_nd(x=x, indices=np.array([[[3, 0], [1, 2]]], np.int32), batch_dims=1),
        lambda x: x[:, [3, 1], [0, 2]],
    ),
    "topk": (lambda x: mb.topk(x=x, k=3, axis=3)[0], lambda x: x.topk(3, 3).values),
    "topk_places": (
        lambda x: mb.cast(x=mb.topk(x=x, k=2, axis=1, ascending=True)[1], dtype="fp32"),
        lambda x: x.topk(2, 1, largest=False).indices.float(),
    ),
    "reduce_argmax": (
        lambda x: mb.cast(x=mb.reduce_argmax(x=x, axis=1, keep_dims=False), dtype="fp32"),
        lambda x: x.argmax(1).float(),
    ),
    "reduce_argmin": (
        lambda x: mb.cast(x=mb.reduce_argmin(x=x, axis=-1, keep_dims=True), dtype="fp32"),
        lambda x: x.argmin(-1, keepdim=True).float(),
    ),
    "equal": (lambda x: number(mb.equal(x=x, y=mb.relu(x=x))), lambda x: (x >= 0).float()),
    "not_equal": (lambda x: number(mb.not_equal(x=x, y=mb.relu(x=x))), lambda x: (x < 0).float()),
    "greater": (lambda x: number(mb.greater(x=x, y=OTHER)), lambda x: (x > t(OTHER)).float()),
    "greater_equal": (lambda x: number(mb.greater_equal(x=x, y=mb.relu(x=x))), lambda x: (x >= 0).float()),
    "less": (lambda x: number(mb.less(x=x, y=OTHER)), lambda x: (x < t(OTHER)).float()),
    "less_equal": (lambda x: number(mb.less_equal(x=mb.abs(x=x), y=x)), lambda x: (x >= 0).float()),
    "logical_and": (
        lambda x: number(mb.logical_and(x=mb.less(x=x, y=2.0), y=mb.greater(x=x, y=0.0))),
        lambda x: ((x < 2) & (x > 0)).float(),
    ),
    "logical_or": (
        lambda x: number(mb.logical_or(x=mb.less(x=x, y=0.0), y=mb.greater(x=x, y=2.0))),
        lambda x: ((x < 0) | (x > 2)).float(),
    ),
    "logical_not": (lambda x: number(mb.logical_not(x=mb.less(x=x, y=0.0))), lambda x: (x >= 0).float()),
    "select": (
        lambda x: mb.select(cond=mb.greater(x=x, y=0.0), a=x, b=mb.mul(x=x, y=0.5)),
        lambda x: functional.leaky_relu(x, 0.5),
    ),
    "quantize_signed": (lambda x: pair(x, 0.03125, np.int8(0), "int8"), lambda x: fake(x, 0.03125, 0, -128, 127)),
    "quantize_unsigned": (lambda x: pair(x, 0.03125, np.uint8(60), "uint8"), lambda x: fake(x, 0.03125, 60, 0, 255)),
    "quantize_channels": (
        lambda x: pair(x, VECTOR / 32, np.array([0, 1, 2, 3], np.int8), "int8", axis=1),
        lambda x: fake(x, t(VECTOR / 32).reshape(1, 4, 1, 1), torch.arange(4).reshape(1, 4, 1, 1), -128, 127),
    ),
    "constexpr_affine_dequantize": (
        lambda x: mb.linear(
            x=x,
            weight=mb.constexpr_affine_dequantize(
                quantized_data=INTEGERS, zero_point=np.int8(3), scale=SCALES, axis=0
            ),
        ),
        lambda x: functional.linear(x, (t(INTEGERS) - 3) * t(SCALES)[:, None]),
    ),
    "constexpr_lut_to_dense": (
        lambda x: mb.linear(
            x=x,
            weight=mb.constexpr_lut_to_dense(
                indices=packed(INDICES, 4), lut=TABLE, shape=np.array(INDICES.shape, np.uint32)
            ),
        ),
        lambda x: functional.linear(x, t(TABLE[INDICES])),
    ),
}  # fmt: skip
INFERRED: dict[str, Any] = {}
