"""Operations that compare, choose and look up. Booleans are 0 and 1, and indices whole numbers, both in float32."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Operand = Tensor | float
Indices = Tensor | tuple[int, ...] | int


def _comparison(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Operand, Operand], Tensor]:
    def compare(x: Operand, y: Operand) -> Tensor:
        return function(torch.as_tensor(x), torch.as_tensor(y)).float()

    return compare


def select(cond: Operand, a: Operand, b: Operand) -> Tensor:
    """``a`` where ``cond`` holds, else ``b``."""
    yes, no = (torch.as_tensor(value, dtype=torch.float32) for value in (a, b))
    return torch.where(torch.as_tensor(cond) != 0, yes, no)


def gather(x: Tensor, indices: Indices, axis: int = 0, batch_dims: int = 0, validate_indices: bool = False) -> Tensor:
    """The slices of ``x`` along ``axis``, whose place the shape of ``indices`` takes; as numpy's ``take``.

    The first ``batch_dims`` axes of both go together.
    """
    places, axis = _places(indices), axis % x.ndim
    if batch_dims:
        rows = [gather(x[n], places[n], axis - 1, batch_dims - 1) for n in range(len(x))]
        return torch.stack(rows)
    found = x.index_select(axis, places.flatten() % x.shape[axis])
    return found.reshape(*x.shape[:axis], *places.shape, *x.shape[axis + 1 :])


def gather_along_axis(x: Tensor, indices: Tensor, axis: int = 0, validate_indices: bool = False) -> Tensor:
    """One value of ``x`` per index; both have the same shape except along ``axis``, as in ``take_along_axis``."""
    return torch.take_along_dim(x, _places(indices) % x.shape[axis], axis)


def topk(
    x: Tensor,
    k: int = 1,
    axis: int = -1,
    ascending: bool = False,
    sort: bool = True,
    return_indices: bool = True,
    output_indices_dtype: str = "int32",
) -> tuple[Tensor, Tensor] | Tensor:
    """The largest (``ascending``: smallest) ``k`` values along an axis, and their places."""
    values, places = torch.topk(x, k, axis, largest=not ascending, sorted=sort)
    return (values, places.float()) if return_indices else values


def _argument_reduction(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def reduce(x: Tensor, axis: int = -1, keep_dims: bool = False, output_dtype: str = "int32") -> Tensor:
        return function(x, dim=axis, keepdim=keep_dims).float()

    return reduce


def _places(indices: Indices) -> Tensor:
    return torch.as_tensor(indices).long()


OPERATIONS: dict[str, Callable[..., Any]] = {
    "equal": _comparison(torch.eq),
    "not_equal": _comparison(torch.ne),
    "greater": _comparison(torch.gt),
    "greater_equal": _comparison(torch.ge),
    "less": _comparison(torch.lt),
    "less_equal": _comparison(torch.le),
    "logical_and": _comparison(torch.logical_and),
    "logical_or": _comparison(torch.logical_or),
    "logical_not": lambda x: torch.logical_not(x).float(),
    "select": select,
    "gather": gather,
    "gather_along_axis": gather_along_axis,
    "topk": topk,
    "reduce_argmax": _argument_reduction(torch.argmax),
    "reduce_argmin": _argument_reduction(torch.argmin),
}
