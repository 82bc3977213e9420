"""The signature of a network: what it takes and gives, by name."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from ca_deploy.errors import UsageError
from ca_deploy.records.boxes import BoxCoding, Suppression
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.record import record
from ca_deploy.records.samples import Samples
from ca_deploy.records.tensors import DType, TensorSpec, closed

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What the last operation makes of the values: probabilities one by one, probabilities that sum to 1, unit vectors.
Activation = Literal["none", "sigmoid", "softmax", "normalize"]


@record
class NetworkInput:
    """One input: a tensor of ``shape``, with a batch of one in front, or an image, ``(1, C, H, W)``.

    ``preprocessing`` says how a photo becomes the image; None is a plain tensor.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType = "float32"
    preprocessing: Preprocessing | None = None

    @property
    def text(self) -> str:
        """What it takes, in a few words."""
        if self.preprocessing is not None:
            return f"an image of {self.preprocessing.size_text} px (height x width), {self.preprocessing.channels}"
        return f"a tensor of {self.dtype} {self.shape}"

    def shape_in(self, spec: TensorSpec) -> tuple[int, ...]:
        """The shape of a file's tensor for this input: where the file leaves a side open, it is the network's."""
        own = self.shape
        if spec.layout == "NHWC" and len(own) == 4:
            own = (own[0], *own[2:], own[1])
        return closed(spec.shape, own)

    def to_network(self, samples: "NDArray[Any]") -> "NDArray[Any]":
        """Samples ``(N, …)`` as the network takes them.

        Pixels of an image, uint8 ``(N, H, W, C)``, are normalised; an image that is normalised already, ``(N, C, H,
        W)``, and plain tensors only get the input's type.
        """
        preprocessing = self.preprocessing
        if preprocessing is not None and samples.dtype == "uint8" and samples.shape[1:] == self.pixels_shape:
            return preprocessing.normalise(samples)
        return samples.astype(self.dtype, copy=False)

    @property
    def pixels_shape(self) -> tuple[int, ...]:
        """Of an image before it is normalised, ``(H, W, C)``; of a plain tensor, its shape without the batch."""
        if self.preprocessing is None:
            return self.shape[1:]
        return (self.preprocessing.height, self.preprocessing.width, self.preprocessing.depth)


@record
class NetworkOutput:
    """One output: a tensor of ``shape``, for a batch of one. ``meaning`` says in words what its values are, where
    ``activation`` does not."""

    name: str
    shape: tuple[int, ...]
    dtype: DType = "float32"
    activation: Activation = "none"
    meaning: str = ""


def _with_suffixes(name: str) -> Iterator[str]:
    yield f"{name}_out"
    yield from (f"{name}_out_{number}" for number in itertools.count(2))


@record
class Signature:
    """The inputs and outputs, in the order of the network's ``forward`` and of what it returns.

    ``boxes`` is what the outputs of a detector mean, where it says so. With ``suppression``, they are what is left of
    those that it names, and ``boxes`` is what those mean.
    """

    inputs: tuple[NetworkInput, ...]
    outputs: tuple[NetworkOutput, ...]
    boxes: BoxCoding | None = None
    suppression: Suppression | None = None

    def named(self, only_output: str) -> "Signature":
        """With a name for an only output that has none; an output that is called as an input gets another name."""
        inputs = {taken.name for taken in self.inputs}
        used = inputs | {given.name for given in self.outputs}
        outputs = []
        for given in self.outputs:
            name = given.name or only_output
            if name in inputs:
                name = next(free for free in _with_suffixes(name) if free not in used)
                used.add(name)
            outputs.append(replace(given, name=name))
        return replace(self, outputs=tuple(outputs))

    @property
    def images(self) -> tuple[NetworkInput, ...]:
        """The inputs that are images."""
        return tuple(taken for taken in self.inputs if taken.preprocessing is not None)

    @property
    def photo(self) -> Preprocessing | None:
        """How a photo becomes the input, where that is the only one; otherwise None."""
        return self.inputs[0].preprocessing if len(self.inputs) == 1 else None

    @property
    def inputs_text(self) -> str:
        """All inputs, in a few words each: ``image (an image of 224x224 px …)``."""
        return ", ".join(f"{taken.name} ({taken.text})" for taken in self.inputs)

    def photo_or_refuse(self, what: str) -> Preprocessing:
        """How a photo becomes the only input.

        Raises:
            UsageError: the network takes something else; the message says that ``what`` needs one photo.
        """
        if self.photo is None:
            raise UsageError(f"{what} needs a network that takes one photo, and this one takes {self.inputs_text}.")
        return self.photo

    def to_network(self, samples: Samples) -> Samples:
        """Samples as the network takes them; see :meth:`NetworkInput.to_network`."""
        fed = {taken.name: taken.to_network(samples.arrays[taken.name]) for taken in self.inputs}
        return replace(samples, arrays=fed)
