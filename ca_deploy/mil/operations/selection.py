"""Operations that look up: values at computed places, the largest values, and where they are."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ca_deploy.mil.operations.sizes import Value, tensor


def gather(x: Value, indices: Value, axis: int = 0, batch_dims: int = 0, validate_indices: bool = False) -> Tensor:
    """``x`` at ``indices`` of ``axis``, which become its axes there; negative ones count from the end.

    The first ``batch_dims`` axes of both go together.
    """
    source, positions = tensor(x), tensor(indices).long()
    axis %= source.ndim
    if batch_dims:
        rows = [gather(source[n], positions[n], axis - 1, batch_dims - 1) for n in range(len(source))]
        return torch.stack(rows)
    shape = (*source.shape[:axis], *positions.shape, *source.shape[axis + 1 :])
    return source.index_select(axis, positions.flatten() % source.shape[axis]).reshape(shape)


def gather_along_axis(x: Tensor, indices: Value, axis: int = 0, validate_indices: bool = False) -> Tensor:
    """One value of ``x`` per index; both have the same shape except along ``axis``, as in ``take_along_axis``."""
    return torch.take_along_dim(x, tensor(indices).long() % x.shape[axis], axis)


def gather_nd(x: Value, indices: Value, batch_dims: int = 0, validate_indices: bool = False) -> Tensor:
    """``x`` at places whose first axes are the last axis of ``indices``, as ``tf.gather_nd``; the first ``batch_dims``
    axes of both go together."""
    source, places = tensor(x), tensor(indices).long()
    if batch_dims:
        return torch.stack([gather_nd(source[n], places[n], batch_dims - 1) for n in range(len(source))])
    sizes = torch.tensor(source.shape[: places.shape[-1]])
    return source[tuple((places % sizes).unbind(-1))]


def topk(
    x: Tensor,
    k: int = 1,
    axis: int = -1,
    ascending: bool = False,
    sort: bool = True,
    return_indices: bool = True,
    output_indices_dtype: str = "int32",
) -> Sequence[Tensor] | Tensor:
    """The largest (``ascending``: smallest) ``k`` values along an axis, in order, and their places; of equal ones, the
    first."""
    values, places = (one.narrow(axis, 0, k) for one in x.sort(stable=True, dim=axis, descending=not ascending))
    return (values, places.float()) if return_indices else values


def _argument_reduction(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def reduce(x: Tensor, axis: int = -1, keep_dims: bool = False, output_dtype: str = "int32") -> Tensor:
        return function(x, dim=axis, keepdim=keep_dims).float()

    return reduce


OPERATIONS: dict[str, Callable[..., Any]] = {
    "gather": gather,
    "gather_along_axis": gather_along_axis,
    "gather_nd": gather_nd,
    "reduce_argmax": _argument_reduction(torch.argmax),
    "reduce_argmin": _argument_reduction(torch.argmin),
    "topk": topk,
}
