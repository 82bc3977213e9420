"""``constexpr_…``: decompress weights, numpy arrays in and out."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ca_deploy.errors import UnsupportedOperation

if TYPE_CHECKING:
    from numpy.typing import NDArray


def constexpr_affine_dequantize(
    quantized_data: "NDArray[Any]", zero_point: "NDArray[Any]", scale: "NDArray[Any]", axis: "NDArray[np.int32]"
) -> "NDArray[Any]":
    """``(data - zero_point) * scale``, each a scalar or one value per index of ``axis`` (iOS 16)."""
    shape = [-1 if number == int(axis) % quantized_data.ndim else 1 for number in range(quantized_data.ndim)]
    offset, factor = (v.astype(np.float32).reshape(shape if v.ndim else ()) for v in (zero_point, scale))
    return ((quantized_data.astype(np.float32) - offset) * factor).astype(scale.dtype)


def constexpr_blockwise_shift_scale(
    data: "NDArray[Any]", scale: "NDArray[Any]", offset: "NDArray[Any] | None" = None
) -> "NDArray[Any]":
    """``(data - offset) * scale`` per block: scale and offset are repeated to the shape of ``data`` (iOS 18)."""
    shifted = data.astype(np.float32)
    if offset is not None:
        shifted -= _repeat(offset, data.shape).astype(np.float32)
    return (shifted * _repeat(scale, data.shape).astype(np.float32)).astype(scale.dtype)


def constexpr_lut_to_dense(
    indices: "NDArray[np.uint8]",
    lut: "NDArray[Any]",
    shape: "NDArray[np.uint32] | None" = None,
    vector_axis: "NDArray[np.int32] | None" = None,
) -> "NDArray[Any]":
    """Replace each index by its entry in the look-up table.

    iOS 16: one table, and ``indices`` are packed bits, lowest first. iOS 18: one table per block, so ``lut`` is
    ``(blocks along each axis …, entries, 1)``.

    Raises:
        UnsupportedOperation: the entries are vectors.
    """
    if shape is not None:
        width = max(1, (len(lut) - 1).bit_length())
        count = int(np.prod(shape))
        bits = np.unpackbits(indices, bitorder="little", count=count * width).reshape(count, width)
        unpacked: NDArray[Any] = lut[np.packbits(bits, axis=1, bitorder="little").ravel()].reshape(shape)
        return unpacked
    if lut.shape[-1] != 1:
        raise UnsupportedOperation("constexpr_lut_to_dense with vector entries (vector palettization).")
    entries = _repeat(lut[..., 0], (*indices.shape, lut.shape[-2]))
    found: NDArray[Any] = np.take_along_axis(entries, indices[..., None].astype(np.int64), axis=-1)[..., 0]
    return found


def _repeat(values: "NDArray[Any]", shape: tuple[int, ...]) -> "NDArray[Any]":
    for axis, size in enumerate(shape):
        values = np.repeat(values, size // values.shape[axis], axis)
    return values


OPERATIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (constexpr_affine_dequantize, constexpr_blockwise_shift_scale, constexpr_lut_to_dense)
}
