"""What goes in and out of a model: tensor specifications."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from ca_deploy.errors import UsageError
from ca_deploy.records.record import record

DType = Literal[
    "float32", "float16", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"
]
Layout = Literal["NCHW", "NHWC", "NC", "other"]


def output_layout(rank: int) -> Layout:
    """What the sides of an output are called, which keeps PyTorch's order in every format."""
    layouts: dict[int, Layout] = {2: "NC", 4: "NCHW"}
    return layouts.get(rank, "other")


def closed(shape: tuple[int, ...], own: tuple[int, ...]) -> tuple[int, ...]:
    """A shape whose dynamic dimensions have the sizes of ``own``."""
    return tuple(side if side > 0 else size for side, size in zip(shape, own, strict=True))


@record
class TensorSpec:
    """One input or output of a file. A dimension of -1 is dynamic; ``layout`` is "other" for any other rank.

    ``scale`` and ``zero_point`` belong to integer tensors: ``real = (stored - zero_point) * scale``.
    ``normalised`` says whether the tensor expects mean and std already applied (True), or raw
    0..255 RGB whose normalisation is inside the file (False).
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    layout: Layout
    scale: float | None = None
    zero_point: int | None = None
    normalised: bool = True

    def __post_init__(self) -> None:
        if self.layout != "other" and len(self.shape) != len(self.layout):
            raise UsageError(f"Tensor {self.name!r}: shape {self.shape} does not have the layout {self.layout}.")
        if (self.scale is None) != (self.zero_point is None):
            raise UsageError(f"Tensor {self.name!r}: scale and zero_point belong together.")

    @property
    def in_float(self) -> "TensorSpec":
        """The same tensor with its real values."""
        return replace(self, dtype="float32", scale=None, zero_point=None)


@record
class FedInput:
    """What one input of a file was fed with; ``dtype`` is numpy's name, or ``string``."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def text(self) -> str:
        """``image 1x224x224x3 float32``."""
        return f"{self.name} {'x'.join(map(str, self.shape)) or 'scalar'} {self.dtype}"


def batch_of(inputs: Iterable[TensorSpec]) -> int:
    """How many samples a file takes at once: the first side that all its inputs share; 1 where that is free."""
    firsts = {spec.shape[0] for spec in inputs if spec.shape}
    return max(1, firsts.pop()) if len(firsts) == 1 else 1
