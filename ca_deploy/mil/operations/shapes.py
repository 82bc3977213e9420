"""Operations that rearrange values or reduce axes."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ca_deploy.errors import UnsupportedOperation
from ca_deploy.mil.operations.sizes import Value, tensor, whole

Axes = tuple[int, ...]


def _axes(x: Tensor, axes: Axes | None) -> Axes:
    return tuple(range(x.ndim)) if axes is None else axes


def _reduction(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def reduce(x: Tensor, axes: Axes | None = None, keep_dims: bool = False) -> Tensor:
        return function(x, dim=_axes(x, axes), keepdim=keep_dims)

    return reduce


def concat(values: Tensor | Sequence[Value], axis: int, interleave: bool = False) -> Tensor:
    """Scalars count as tensors of one axis, as where a shape is put together."""
    parts = [torch.atleast_1d(tensor(value)) for value in ([values] if isinstance(values, Tensor) else values)]
    if interleave:
        return torch.stack(parts, axis + 1 if axis >= 0 else axis).flatten(axis, axis + 1)
    return torch.cat(parts, axis)


def split(
    x: Tensor, axis: int, num_splits: int | None = None, split_sizes: tuple[int, ...] | None = None
) -> tuple[Tensor, ...]:
    sizes = list(split_sizes) if split_sizes else [x.shape[axis] // (num_splits or 1)] * (num_splits or 1)
    return torch.split(x, sizes, axis)


def expand_dims(x: Tensor, axes: Axes) -> Tensor:
    for axis in sorted(a % (x.ndim + len(axes)) for a in axes):
        x = x.unsqueeze(axis)
    return x


def slice_by_index(
    x: Tensor,
    begin: Tensor | Axes,
    end: Tensor | Axes,
    stride: Axes | None = None,
    begin_mask: tuple[bool, ...] | None = None,
    end_mask: tuple[bool, ...] | None = None,
    squeeze_mask: tuple[bool, ...] | None = None,
) -> Tensor:
    begin, end = whole(begin), whole(end)
    index: list[Any] = []
    for axis in range(x.ndim):
        step = stride[axis] if stride else 1
        if step < 1:
            raise UnsupportedOperation("slice_by_index with a negative stride.")
        first = None if begin_mask and begin_mask[axis] else begin[axis]
        last = None if end_mask and end_mask[axis] else end[axis]
        index.append(begin[axis] if squeeze_mask and squeeze_mask[axis] else slice(first, last, step))
    return x[tuple(index)]


def pad(x: Tensor, pad: tuple[int, ...], mode: str = "constant", constant_val: float = 0.0) -> Tensor:
    """``pad`` is (before, after) for each of the last axes, outermost first."""
    pairs = [pad[number : number + 2] for number in range(0, len(pad), 2)]
    while pairs and pairs[0] == (0, 0):  # PyTorch's reflect and replicate modes pad the last axes only
        pairs = pairs[1:]
    if not pairs:
        return x
    amounts = [amount for pair in reversed(pairs) for amount in pair]
    if mode == "constant":
        return functional.pad(x, amounts, value=constant_val)
    return functional.pad(x, amounts, mode="reflect" if mode == "reflect" else "replicate")


def crop(x: Tensor, crop_height: tuple[int, int], crop_width: tuple[int, int]) -> Tensor:
    """``x (N, C, H, W)`` without that many rows and columns before and after."""
    (top, bottom), (left, right) = crop_height, crop_width
    return x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right]


def reshape(x: Tensor, shape: Tensor | Axes) -> Tensor:
    """A size of 0 keeps that axis, -1 is inferred."""
    return x.reshape([x.shape[axis] if size == 0 else size for axis, size in enumerate(whole(shape))])


def classify(probabilities: Tensor, classes: tuple[Any, ...]) -> tuple[Any, dict[Any, float]]:
    """The most probable class, and a dictionary class -> probability."""
    values = probabilities.flatten().tolist()
    if len(values) != len(classes):
        raise UnsupportedOperation(f"classify with {len(classes)} classes for {len(values)} probabilities.")
    names = [c if isinstance(c, str) else int(c) for c in classes]
    return names[max(range(len(values)), key=values.__getitem__)], dict(zip(names, values, strict=True))


OPERATIONS: dict[str, Callable[..., Any]] = {
    "classify": classify,
    "concat": concat,
    "crop": crop,
    "expand_dims": expand_dims,
    "pad": pad,
    "reduce_max": _reduction(torch.amax),
    "reduce_mean": _reduction(torch.mean),
    "reduce_min": _reduction(torch.amin),
    "reduce_sum": _reduction(torch.sum),
    "reduce_l2_norm": _reduction(lambda x, dim, keepdim: torch.linalg.vector_norm(x, dim=dim, keepdim=keepdim)),
    "reshape": reshape,
    "reverse": lambda x, axes=None: x.flip(_axes(x, axes)),
    "slice_by_index": slice_by_index,
    "split": split,
    "squeeze": lambda x, axes=None: x.squeeze() if axes is None else x.squeeze(axes),
    "stack": lambda values, axis: torch.stack([tensor(value) for value in values], axis),
    "tile": lambda x, reps: x.repeat(whole(reps)),
    "transpose": lambda x, perm: x.permute(perm),
}
