"""The gates of attention on a photo, of a network or an exported file, and Grad-CAM (Selvaraju et al., ICCV 2017,
arXiv 1610.02391)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node

from ca_deploy.data.images import open_rgb
from ca_deploy.errors import ModelError, UsageError, unknown_name
from ca_deploy.evaluation.gates import Gates, gates_of
from ca_deploy.evaluation.gates_of_file import gates_of_file
from ca_deploy.evaluation.predictor import Predictor
from ca_deploy.lowering.gates import functional
from ca_deploy.networks.program import traced
from ca_deploy.networks.source import Network
from ca_deploy.records.attention import AttentionReport, BlockGates
from ca_deploy.records.lowering import LeftAlone


@dataclass(frozen=True, slots=True)
class Looked:
    """What was read, and the pixels ``(H, W, channels)`` that the network saw."""

    report: AttentionReport
    pixels: NDArray[np.uint8]


def look(network: Network, photo: Path, wanted: str | None = None) -> Looked:
    """Run a network on a photo, and read its gates.

    Args:
        network: one that takes a photo.
        photo: an image file.
        wanted: the class that Grad-CAM explains, by label or number; by default the most probable one.

    Raises:
        UsageError: it takes something else, or has no such class.
        ModelError: it has no attention that is found.
        ImageDataError: the photo cannot be read.
    """
    pixels, graph_module, taken = _prepared(network, photo)
    gates, left = _read(network, graph_module, taken)
    label, cam = _explained(network, graph_module, taken, wanted)
    return Looked(_report(network.name, photo, [(one, None) for one in gates], left, label, cam), pixels)


def look_into(path: Path, model: Predictor, network: Network, photo: Path) -> Looked:
    """Run an exported file on a photo, and read its gates beside those of the network that it was made from.

    Raises:
        UsageError: it takes something else than a photo.
        ModelError: the network has no attention that is found, or the file has no gates that are.
        ImageDataError: the photo cannot be read.
        ArtifactError, RuntimeUnavailable: see :func:`~ca_deploy.evaluation.gates_of_file.gates_of_file`.
    """
    pixels, graph_module, taken = _prepared(network, photo)
    gates, left = _read(network, graph_module, taken)
    (given,) = model.signature.inputs
    found, missing = gates_of_file(path, model.feeds({given.name: pixels[None]}), gates)
    if not found:
        raise ModelError(f"{path.name} has no gates that are found: {missing[0].reason}, in {missing[0].module!r}.")
    return Looked(_report(path.name, photo, found, [*left, *missing]), pixels)


def _prepared(network: Network, photo: Path) -> tuple[NDArray[np.uint8], GraphModule, Tensor]:
    """The pixels that the network sees of a photo, the traced network, and its input."""
    preprocessing = network.signature.photo_or_refuse(f"{network.name}: reading attention")
    pixels = preprocessing.to_pixels(open_rgb(photo))
    return pixels, functional(traced(network)), torch.from_numpy(preprocessing.normalise(pixels[None]))


def _read(network: Network, graph_module: GraphModule, taken: Tensor) -> tuple[list[Gates], list[LeftAlone]]:
    gates, left = gates_of(graph_module, taken)
    if not gates:
        reasons = "; ".join(f"{place.module or 'forward'}: {place.reason}" for place in left)
        raise ModelError(
            f"{network.name} has no attention made of averages over rows, columns or whole maps"
            f"{f' ({reasons})' if reasons else ''}. Name a network with Coordinate Attention, SE or CBAM."
        )
    return gates, left


def _report(
    name: str,
    photo: Path,
    gates: Sequence[tuple[Gates, Gates | None]],
    left: Sequence[LeftAlone],
    label: str | None = None,
    cam: tuple[tuple[float, ...], ...] | None = None,
) -> AttentionReport:
    blocks = tuple(_block(*one) for one in gates)
    return AttentionReport(name, str(photo), blocks, {one.module or "forward": one.reason for one in left}, label, cam)


def _block(gates: Gates, original: Gates | None) -> BlockGates:
    averaged = {
        extent: value.flatten() if extent == "map" else value.mean(0).flatten()
        for extent, value in gates.values.items()
    }
    differences = (
        {extent: float((value - original.values[extent]).abs().max()) for extent, value in gates.values.items()}
        if original is not None
        else {}
    )
    return BlockGates(
        gates.module,
        gates.size,
        {extent: tuple(map(float, value)) for extent, value in averaged.items()},
        differences,
    )


def _explained(
    network: Network, graph_module: GraphModule, taken: Tensor, wanted: str | None
) -> tuple[str | None, tuple[tuple[float, ...], ...] | None]:
    """The class and its Grad-CAM at the last map of the network; None, None for other networks than classifiers."""
    if not network.task.one_class:
        if wanted is not None:
            raise UsageError(f"--class is for classifiers, and the task of {network.name} is {network.task.name}.")
        return None, None
    (output,) = network.signature.outputs
    place = _last_map(graph_module)
    if place is None:
        return None, None
    seen, logits = _with_gradient(graph_module, place, taken)
    number = int(logits[0].argmax()) if wanted is None else _class_number(network, wanted, int(output.shape[1]))
    (gradient,) = torch.autograd.grad(logits[0, number], seen)
    weights = gradient.mean((2, 3), keepdim=True)
    cam = torch.relu((weights * seen).sum(1))[0].detach()
    cam = cam / cam.max().clamp(min=torch.finfo(cam.dtype).tiny)
    label = network.labels[number] if network.labels else str(number)
    return label, tuple(tuple(map(float, row)) for row in cam)


def _last_map(graph_module: GraphModule) -> Node | None:
    """The last feature map ``(1, C, H, W)`` with more than one position."""
    nodes: list[Node] = list(graph_module.graph.nodes)
    for node in reversed(nodes):
        value: Any = node.meta.get("val")
        is_map = isinstance(value, torch.Tensor) and value.ndim == 4 and value.is_floating_point()
        if node.op == "call_function" and is_map and value.shape[2] * value.shape[3] > 1:
            return node
    return None


def _with_gradient(graph_module: GraphModule, place: Node, taken: Tensor) -> tuple[Tensor, Tensor]:
    """What ``place`` holds, to be differentiated by, and the network's only output."""
    seen: list[Tensor] = []

    class Watch(Interpreter):
        def run_node(self, n: Node) -> Any:
            result = super().run_node(n)
            if n is place:
                result = result.detach().requires_grad_()
                seen.append(result)
            return result

    with torch.enable_grad():
        output = Watch(graph_module).run(taken)
    return seen[0], output[0] if isinstance(output, tuple | list) else output


def _class_number(network: Network, wanted: str, classes: int) -> int:
    if network.labels and wanted in network.labels:
        return network.labels.index(wanted)
    if wanted.isdecimal() and int(wanted) < classes:
        return int(wanted)
    raise unknown_name("class", wanted, network.labels or [f"0 to {classes - 1}"])


def chosen(report: AttentionReport, names: Sequence[str]) -> tuple[BlockGates, ...]:
    """The blocks with these paths; without names, the last one of each size of map.

    Raises:
        UsageError: there is no block with such a path.
    """
    if not names:
        return tuple({block.size: block for block in report.blocks}.values())
    known = {block.module: block for block in report.blocks}
    for name in names:
        if name not in known:
            raise unknown_name("block", name, known)
    return tuple(known[name] for name in names)
