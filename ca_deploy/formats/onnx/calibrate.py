"""Activation ranges of a float ONNX model over calibration images, one image at a time, in bounded memory."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime as ort

from ca_deploy.formats._channel_scales import ChannelScales
from ca_deploy.records.samples import Samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

Range = tuple[float, float]
_BINS = 2048
_MOVES = ("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity")  # operators that only move values
_SAMPLES_PER_IMAGE = 1 << 16  # values per tensor that enter its histogram


@dataclass(frozen=True, slots=True)
class Observed:
    """Lowest and highest value of each tensor in ``names``, ``(T,)``, and histograms between them, ``(T, bins)``."""

    names: list[str]
    lowest: "NDArray[np.float64]"
    highest: "NDArray[np.float64]"
    counts: "NDArray[np.int64] | None"

    @property
    def width(self) -> "NDArray[np.float64]":
        """The width of a bin, ``(T,)``."""
        return np.maximum(self.highest - self.lowest, np.finfo(np.float32).tiny) / _BINS


def observe(
    model: onnx.ModelProto,
    fed: Samples,
    batch: int,
    histograms: bool,
    scales: Mapping[str, ChannelScales] = MappingProxyType({}),
) -> Observed:
    """Observe the float inputs and activations. ``fed`` are samples in the form of the model's inputs.

    ``scales`` are filled for the tensors that they are named after.

    ONNX Runtime's own percentile calibration stores all activations of all images (1.32: ``HistogramCalibrater``),
    which takes 20 GB for 200 images of 224 px; this runs the images twice instead. What operators only move has the
    same values as before, and is not observed again.
    """
    tensors = float_tensors(model)
    sources = _sources(model, tensors)
    names = [name for name in tensors if name not in sources or name in scales]
    session = _session(model, names)
    lowest = np.full(len(names), np.inf)
    highest = np.full(len(names), -np.inf)
    for values in _run(session, names, fed, batch):
        lowest = np.minimum(lowest, [value.min() for value in values])
        highest = np.maximum(highest, [value.max() for value in values])
        for name, value in zip(names, values, strict=True):
            if name in scales:
                scales[name].add(value)
    seen = Observed(names, lowest, highest, None)
    if not histograms:
        return _with_moved(seen, sources)
    counts, width = np.zeros((len(names), _BINS), np.int64), seen.width
    for values in _run(session, names, fed, batch):
        for index, value in enumerate(values):
            bins = (_sample(value) - np.float32(lowest[index])) / np.float32(width[index])
            counts[index] += np.bincount(np.clip(bins.astype(np.int32), 0, _BINS - 1), minlength=_BINS)
    return _with_moved(replace(seen, counts=counts), sources)


def activation_ranges(seen: Observed, percentile: float) -> dict[str, Range]:
    """``{tensor: (lowest, highest)}``; ``percentile`` cuts the same share off both ends of each histogram."""
    lowest, highest = seen.lowest, seen.highest
    if seen.counts is not None:
        inside = np.cumsum(seen.counts, axis=1) / seen.counts.sum(axis=1, keepdims=True)
        cut = (1 - percentile / 100) / 2
        first = (inside <= cut).sum(axis=1)
        last = (inside < 1 - cut).sum(axis=1) + 1
        lowest, highest = lowest + first * seen.width, lowest + last * seen.width
    return {name: (float(lowest[i]), float(highest[i])) for i, name in enumerate(seen.names)}


def float_tensors(model: onnx.ModelProto) -> list[str]:
    """The float tensors that the main graph computes or takes."""
    graph = model.graph
    known = {value.name: value for value in (*graph.value_info, *graph.input, *graph.output)}
    produced = [name for node in graph.node for name in node.output if name in known]
    return [n for n in (*produced, *(i.name for i in graph.input)) if known[n].type.tensor_type.elem_type == 1]


def _sources(model: onnx.ModelProto, tensors: Sequence[str]) -> dict[str, str]:
    """Those of ``tensors`` that the main graph only moves, each with the one whose values it has."""
    known = set(tensors)
    sources: dict[str, str] = {}
    for node in model.graph.node:
        if node.op_type in _MOVES and {node.input[0], node.output[0]} <= known:
            sources[node.output[0]] = sources.get(node.input[0], node.input[0])
    return sources


def _with_moved(seen: Observed, sources: Mapping[str, str]) -> Observed:
    """The same with the tensors that were not observed themselves."""
    places = {name: row for row, name in enumerate(seen.names)}
    moved = {name: source for name, source in sources.items() if name not in places}
    rows = [*places.values(), *(places[source] for source in moved.values())]
    counts = None if seen.counts is None else seen.counts[rows]
    return Observed([*seen.names, *moved], seen.lowest[rows], seen.highest[rows], counts)


def _session(model: onnx.ModelProto, names: list[str]) -> ort.InferenceSession:
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    graph = observed.graph
    known = {value.name: value for value in (*graph.value_info, *graph.input, *graph.output)}
    outputs = {value.name for value in graph.output}
    graph.output.extend(known[name] for name in names if name not in outputs)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # fusing would remove tensors
    return ort.InferenceSession(observed.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _run(
    session: ort.InferenceSession, names: list[str], fed: Samples, batch: int
) -> Iterator[list["NDArray[np.float32]"]]:
    for rows in fed.batches(batch):
        yield session.run(names, rows)


def _sample(value: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Evenly spaced values, with a step that visits all columns of the tensor."""
    step = max(1, value.size // _SAMPLES_PER_IMAGE)
    while step > 1 and math.gcd(step, value.shape[-1]) > 1:
        step += 1
    return value.ravel()[::step]
