"""A file that can be damaged, whatever its format: what a damage finds in it, and what it may change."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Axis = Literal["N", "C", "H", "W"]
# A tensor by its name (ONNX) or index (TFLite).
Handle = Any


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution or linear layer: ``weight (O, I, kH, kW)`` (1x1 of a linear layer), ``bias (O,)``, dequantised.

    ``output`` is what it computes, with a fused activation. ``key`` is the format's own.
    """

    name: str
    weight: Floats
    bias: Floats
    strides: tuple[int, int]
    depthwise: bool
    output: "Place"
    key: Any


@dataclass(frozen=True, slots=True)
class Place:
    """A tensor. ``axes`` is its layout, such as ``NHWC`` or ``NC``; ``step`` is its scale where it is quantised."""

    handle: Handle
    axes: str
    shape: tuple[int, ...]
    step: float | None = None
    lowest: float | None = None

    def axis(self, name: Axis) -> int:
        return self.axes.index(name)

    def size(self, name: Axis) -> int:
        return self.shape[self.axis(name)]

    def along(self, name: Axis, values: Iterable[float]) -> NDArray[np.float32]:
        """One value for each index of an axis, in a shape that broadcasts to the tensor's."""
        found = np.array(list(values), np.float32)
        return found.reshape([-1 if axis == name else 1 for axis in self.axes])


class Arithmetic(ABC):
    """Appends float operators to a file. Operands are handles of float tensors, or constants."""

    @abstractmethod
    def apply(self, operator: str, *operands: Any, **attributes: Any) -> Handle:
        """The output of a new node: add, mul, min, max, pow, round, sigmoid, take (indices, axis), permute (order)."""

    @abstractmethod
    def read(self, place: Place) -> Handle:
        """Another tensor, as floats."""

    def in_steps(self, x: Handle, step: float) -> Handle:
        """Rounded to multiples of ``step``."""
        return self.apply("mul", self.apply("round", self.apply("mul", x, 1 / step)), step)

    def blend(self, x: Handle, damaged: Handle, strength: Any) -> Handle:
        """``x + strength (damaged - x)``"""
        difference = self.apply("add", damaged, self.apply("mul", x, -1.0))
        return self.apply("add", x, self.apply("mul", difference, strength))


Change = Callable[[Arithmetic, Handle], Handle]


class Editable(ABC):
    """A file in memory; edits are written by ``write`` and never to the original."""

    suffix: str

    @property
    @abstractmethod
    def input(self) -> Place: ...

    @property
    @abstractmethod
    def output(self) -> Place: ...

    @property
    @abstractmethod
    def layers(self) -> Sequence[Layer]:
        """In their order of execution."""

    @property
    @abstractmethod
    def gates(self) -> Mapping[str, Place]:
        """The first attention block's gates per row (``conv_h``) and per column (``conv_w``)."""

    @property
    @abstractmethod
    def squeezed(self) -> tuple[Place, Place]:
        """The attention's common activation: before and after."""

    @property
    @abstractmethod
    def skip(self) -> tuple[Place, Place]:
        """The first sum of two tensors, and the one that was computed earlier; LookupError where there is none."""

    @abstractmethod
    def set_layer(self, layer: Layer, weight: Floats, bias: Floats) -> None:
        """Replace its constants, which are quantised as before, with larger scales where they need them."""

    @abstractmethod
    def change(self, place: Place, change: Change) -> None:
        """Compute something else from a tensor before anything reads it; quantised as it was before."""

    @abstractmethod
    def write(self, path: Path) -> Path: ...


def requantised(weight: Floats, scale: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Weights ``(O, …)`` as int8, and their scales: the old ones ``(O,)`` or ``(1,)``, or larger."""
    largest = np.abs(weight).reshape(len(weight), -1).max(1)
    if len(scale) == 1:
        largest = largest.max(keepdims=True)
    scale = np.maximum(scale, largest / 127)
    spread = scale.reshape(-1, *[1] * (weight.ndim - 1))
    return np.clip(np.rint(weight / spread), -127, 127).astype(np.int8), scale


def execution_order(nodes: Sequence[tuple[Iterable[Handle], Iterable[Handle]]]) -> list[int]:
    """Numbers of nodes, given as inputs and outputs, so that each comes after those that it reads."""
    made = {handle: number for number, (_, outputs) in enumerate(nodes) for handle in outputs}
    reads = {number: [made[one] for one in inputs if one in made] for number, (inputs, _) in enumerate(nodes)}
    return list(TopologicalSorter(reads).static_order())
