"""Files whose tensors have no known meaning, run on whole input tensors: any rank, type and number of them."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ca_deploy.data.array_file import values_of
from ca_deploy.data.arrays import common_count, described, digests
from ca_deploy.errors import ArtifactError, ImageDataError, UsageError, shown
from ca_deploy.evaluation.predictor import Outputs, Predictor, to_float
from ca_deploy.graphs.input_shapes import Declared
from ca_deploy.processes.memory import available_bytes
from ca_deploy.progress import Progress, silent
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkInput, NetworkOutput, Signature
from ca_deploy.records.tensors import DType, TensorSpec
from ca_deploy.runtimes import Session
from ca_deploy.tasks import FALLBACK, find_task

Shape = tuple[int, ...]
_DRAWN_BYTES = 8  # of each number, before it gets the input's own type


@dataclass(frozen=True, slots=True)
class TensorPredictor(Predictor):
    """A file whose samples are whole inputs: an array of samples has an axis more than the file's input."""

    def run(self, samples: Samples, progress: Progress = silent) -> Outputs:
        """The outputs by name in float32, each ``(N, …)``, where … is the shape of the file's own output.

        Raises:
            UsageError: an output has another shape for each sample.
        """
        found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in self.outputs}
        for number in range(len(samples)):
            answers = self.session.run(self.case(samples, number))
            for name, spec in self.outputs.items():
                found[name].append(to_float(answers[spec.name], spec))
            progress(number + 1, len(samples))
        for name, values in found.items():
            if len({value.shape for value in values}) > 1:
                raise UsageError(f"{self.name}: the shape of {name} depends on the values of the inputs. Compare one.")
        return {name: np.stack(values) for name, values in found.items()}

    def case(self, samples: Samples, number: int) -> dict[str, NDArray[Any]]:
        """One sample as the file's inputs, by its own names."""
        return {spec.name: stored(samples.arrays[name][number], spec) for name, spec in self.inputs.items()}


def tensor_predictor(path: Path, session: Session) -> TensorPredictor:
    """A file that is open already.

    Raises:
        ArtifactError: it has no inputs or no outputs, or two inputs of one name.
    """
    if lacking := [name for name in ("inputs", "outputs") if not getattr(session, name)]:
        raise ArtifactError(f"{path} has no {lacking[0]}, so there is nothing to compare. Export it again with some.")
    named = Counter(spec.name for spec in session.inputs)
    if repeated := [name for name, count in named.items() if count > 1]:
        raise ArtifactError(
            f"{path} has several inputs named {shown(repeated[0])!r}, which cannot be told apart. Export it "
            "again, each with a name of its own."
        )
    signature = Signature(
        tuple(NetworkInput(spec.name, _one(spec), spec.dtype) for spec in session.inputs),
        tuple(NetworkOutput(spec.name, _one(spec), _real(spec)) for spec in session.outputs),
    )
    inputs, outputs = ({spec.name: spec for spec in side} for side in (session.inputs, session.outputs))
    return TensorPredictor(path.name, session, signature, inputs, outputs, find_task(FALLBACK))


def noise(inputs: Sequence[TensorSpec], shapes: Sequence[Shape], count: int) -> Samples:
    """Samples from a fixed seed: normal floats, integers of any value; 0 and 1 for 32 bits and more, as of tokens.

    Raises:
        UsageError: they take more memory than there is.
    """
    needed, free = count * sum(map(prod, shapes)) * _DRAWN_BYTES, available_bytes()
    if needed > free:
        named = ", ".join(
            f"{spec.name} {'x'.join(map(str, shape))}" for spec, shape in zip(inputs, shapes, strict=True)
        )
        raise UsageError(
            f"{count} inputs of noise ({named}) take {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB of memory "
            "are free: compare a file for smaller inputs, or pass an .npz of fewer samples."
        )
    random = np.random.default_rng(0)
    arrays: dict[str, NDArray[Any]] = {}
    for spec, shape in zip(inputs, shapes, strict=True):
        size, dtype = (count, *shape), np.dtype(spec.dtype)
        if dtype.kind == "f":
            arrays[spec.name] = random.standard_normal(size).astype(dtype)
        elif dtype.kind == "b" or dtype.itemsize >= 4:
            arrays[spec.name] = random.integers(0, 1, size, endpoint=True).astype(dtype)
        else:
            limits = np.iinfo(spec.dtype)
            arrays[spec.name] = random.integers(limits.min, limits.max, size, dtype, endpoint=True)
    return Samples(arrays, digests(arrays, count))


def samples_in(
    path: Path, inputs: Sequence[TensorSpec], declared: Sequence[Declared], most: int = sys.maxsize
) -> Samples:
    """The samples in an ``.npz``, one array per input by its name, or in the ``.npy`` of an only input.

    An array has an axis more than the input, or the input's own axes: then its first one holds as many samples as the
    input's first side goes into it, once where the file leaves that open. Of more than ``most`` samples, only the first
    are read.

    Raises:
        ImageDataError: the file is missing or damaged, or an array does not fit its input.
    """
    headers = described(path, [spec.name for spec in inputs])
    shapes: dict[str, Shape] = {}
    for spec, one in zip(inputs, declared, strict=True):
        given = headers[spec.name]
        shape = _cases(given.shape, one)
        known = np.can_cast(given.dtype, spec.dtype, "same_kind") or (
            spec.scale is not None and given.dtype.kind == "f"
        )
        if shape is None or not known:
            raise ImageDataError(
                f"Samples {path}: {spec.name} is {given.shape} of {given.dtype}, and has to be "
                f"({', '.join(map(str, ('N', *one.sides)))}{'' if one.sides else ','}) of {spec.dtype}."
            )
        shapes[spec.name] = shape
    all_of_them = common_count(path, {name: shape[0] for name, shape in shapes.items()})
    count = min(all_of_them, most)
    rows = {name: header.shape[0] // all_of_them * count for name, header in headers.items() if header.shape}
    values = values_of(path, [header.first(rows.get(name, 1)) for name, header in headers.items()])
    found = {
        name: np.atleast_1d(values[headers[name].name])[: rows.get(name, 1)].reshape(count, *shape[1:])
        for name, shape in shapes.items()
    }
    return Samples(found, digests(found, count), tuple(map(str, range(count))))


def _cases(shape: Shape, one: Declared) -> Shape | None:
    """The shape with the samples along a new first axis; None where the array does not fit the input."""
    sides = one.sides
    if not shape and not sides:
        return (1,)
    if len(shape) == len(sides) and sides:
        step = sides[0] if isinstance(sides[0], int) else shape[0] if len(sides) == 1 else 1
        if not step or shape[0] % step:
            return None
        shape = (shape[0] // step, step, *shape[1:])
    fits = len(shape) == len(sides) + 1 and all(
        isinstance(side, str) or side == size for side, size in zip(sides, shape[1:], strict=True)
    )
    return shape if fits else None


def _one(spec: TensorSpec) -> Shape:
    """The shape of one sample, with the axis of the samples in front; open sides count as 1."""
    return (1, *(max(1, side) for side in spec.shape))


def _real(spec: TensorSpec) -> DType:
    return "float32" if spec.scale is not None else spec.dtype


def stored(values: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
    """A sample in the file's own type: real numbers become the integers of a quantised input."""
    if spec.scale is not None and values.dtype.kind == "f":
        limits = np.iinfo(spec.dtype)
        values = np.clip(np.rint(values / spec.scale) + (spec.zero_point or 0), limits.min, limits.max)
    return np.asarray(values, spec.dtype, order="C")  # ascontiguousarray gives a scalar an axis
