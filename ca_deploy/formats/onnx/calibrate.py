"""Activation ranges of a float ONNX model over calibration images, one image at a time, in bounded memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import onnx

from ca_deploy.formats._channel_scales import ChannelScales
from ca_deploy.formats._tails import Tails
from ca_deploy.graphs.ort_values import values_inside
from ca_deploy.records.samples import Samples

Range = tuple[float, float]
_MOVES = ("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity")  # operators that only move values


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of each tensor; ``moved`` has those with the values of another one, and its name."""

    tensors: Mapping[str, Tails]
    moved: Mapping[str, str]


def observe(
    model: onnx.ModelProto,
    fed: Samples,
    batch: int,
    percentile: float = 100,
    scales: Mapping[str, ChannelScales] = MappingProxyType({}),
) -> Observed:
    """Observe the float inputs and activations. ``fed`` are samples in the form of the model's inputs.

    Ranges will cut the same share off both ends, so that ``percentile`` percent of the values remain. ``scales`` are
    filled for the tensors that they are named after.

    ONNX Runtime's own percentile calibration stores all activations of all images (1.32: ``HistogramCalibrater``),
    which takes 20 GB for 200 images of 224 px; this keeps the values at the ends. What operators only move has the
    same values as before, and is not observed again.
    """
    tensors = float_tensors(model)
    sources = _sources(model, tensors)
    names = [name for name in tensors if name not in sources or name in scales]
    runs = -(-len(fed) // batch)
    seen = {name: Tails((1 - percentile / 100) / 2, runs) for name in names}
    for values in values_inside(model, names, fed.batches(batch)):
        for name, value in zip(names, values, strict=True):
            seen[name].add(value)
            if name in scales:
                scales[name].add(value)
    return Observed(seen, {name: source for name, source in sources.items() if name not in seen})


def activation_ranges(seen: Observed) -> dict[str, Range]:
    """``{tensor: (lowest, highest)}``."""
    found = {name: tails.range for name, tails in seen.tensors.items()}
    return found | {name: found[source] for name, source in seen.moved.items()}


def float_tensors(model: onnx.ModelProto) -> list[str]:
    """The float tensors that the main graph computes or takes."""
    graph = model.graph
    known = {value.name: value for value in (*graph.value_info, *graph.input, *graph.output)}
    produced = [name for node in graph.node for name in node.output if name in known]
    return [n for n in (*produced, *(i.name for i in graph.input)) if known[n].type.tensor_type.elem_type == 1]


def _sources(model: onnx.ModelProto, tensors: Sequence[str]) -> dict[str, str]:
    """Those of ``tensors`` that the main graph only moves or copies, each with the one whose values it has."""
    known = set(tensors)
    shapes = {value.name: value.type.tensor_type.shape.dim for value in model.graph.value_info}
    sources: dict[str, str] = {}
    for node in model.graph.node:
        if not {*node.input[:1], *node.output[:1]} <= known:
            continue
        if node.op_type in _MOVES or (node.op_type == "Gather" and _copies(node, shapes)):
            sources[node.output[0]] = sources.get(node.input[0], node.input[0])
    return sources


def _copies(gather: onnx.NodeProto, shapes: Mapping[str, Sequence[onnx.TensorShapeProto.Dimension]]) -> bool:
    """Whether all that is chosen from is one, as where a gate is copied to the size of its map."""
    axis = next((attribute.i for attribute in gather.attribute if attribute.name == "axis"), 0)
    shape = shapes.get(gather.input[0], ())
    return -len(shape) <= axis < len(shape) and shape[axis].dim_value == 1
