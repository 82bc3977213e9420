"""Where a file loses accuracy: what each module of its network gives, and what the file has for that.

Modules are told by the traced network, tensors by the file. A module may have several values, and a file other tensors
than the network: what was fused is not there, what was quantised has two. So each is compared with all that may be the
same (an operator of that module, and sides of the same length in any order), and the two belong together where each is
the nearest to the other.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.fx import Graph, Node

from ca_deploy import graphs
from ca_deploy.errors import ModelError
from ca_deploy.evaluation import metrics
from ca_deploy.evaluation.inner import is_inside, kept, names_modules, orders, sides, turned
from ca_deploy.evaluation.predictor import Predictor
from ca_deploy.graphs import ABSENT, DYNAMIC
from ca_deploy.lowering._operators import CONVOLUTIONS
from ca_deploy.lowering.gates import functional
from ca_deploy.lowering.gates.prove import activations
from ca_deploy.networks.program import traced
from ca_deploy.progress import Progress, silent
from ca_deploy.records.lowering import AS_WRITTEN
from ca_deploy.records.module_path import module_of, modules_around
from ca_deploy.records.parity import LayerParity, LayersParity
from ca_deploy.records.samples import Samples
from ca_deploy.runtimes import inner_tensors

SAMPLES = 8
_TINY = np.finfo(np.float32).tiny

_aten = torch.ops.aten
_WEIGHTED = {*CONVOLUTIONS, _aten.convolution.default, _aten.linear.default}


@dataclass(slots=True)
class _Pair:
    """A module's value and a tensor that may be it: the powers of the value and of what the two differ by.

    ``multiple``: the tensor may be a multiple of the value, whose factor the weights after it make good. ``order`` is
    that of the tensor's axes; the nearest on the first batch.
    """

    multiple: bool
    order: tuple[int, ...] | None = None
    signal: float = 0.0
    noise: float = 0.0
    max_abs_error: float = 0.0

    def add(self, value: NDArray[np.float32], tensor: NDArray[np.float32]) -> None:
        if self.order is None:
            fitting = orders(tensor.shape, value.shape)
            self.order = max(
                fitting, key=lambda one: _closeness(metrics.sqnr_db(value, self._like(value, tensor, one)))
            )
        found = self._like(value, tensor, self.order)
        signal, noise = metrics.powers(value, found)
        self.signal, self.noise = self.signal + signal, self.noise + noise
        self.max_abs_error = max(self.max_abs_error, metrics.max_abs_error(value, found))

    def _like(
        self, value: NDArray[np.float32], tensor: NDArray[np.float32], order: tuple[int, ...]
    ) -> NDArray[np.float32]:
        found = turned(tensor, order, value.shape)
        if not self.multiple:
            return found
        return found * np.float32(np.vdot(value, found) / max(np.vdot(found, found), _TINY))

    @property
    def sqnr_db(self) -> float:
        return metrics.decibels(self.signal, self.noise)


def _closeness(sqnr_db: float) -> float:
    return -np.inf if np.isnan(sqnr_db) else sqnr_db


def errors_by_layer(
    path: Path, file: Predictor, network: Predictor, samples: Samples, progress: Progress = silent
) -> LayersParity:
    """The error of a file's tensors against what the modules of ``network`` give, on the first samples.

    Modules inside a block of attention that was written in another way are left out, because what they gave is not in
    the file; of the block's own value there may be a multiple.

    Args:
        network: a predictor of :func:`~ca_deploy.evaluation.predictor.network_predictor`.

    Raises:
        ModelError: the network cannot be traced, or has no modules.
        ArtifactError, RuntimeUnavailable: the file cannot be read, or its inner tensors cannot.
    """
    assert network.network is not None
    program = functional(traced(network.network, batch=file.batch))
    blocks = file.manifest.lowering.blocks if file.manifest is not None else ()
    rewritten = {block.module: block.modules for block in blocks if block.choice != AS_WRITTEN}
    inside = {module for modules in rewritten.values() for module in modules} - rewritten.keys()
    ends = {module: node for module, node in _modules(program.graph).items() if module not in inside}
    if not ends:
        raise ModelError(
            f"{network.name} has no modules: its operations all stand in one forward, so that there are no layers to "
            "compare. Leave --layers out."
        )
    values = _values(ends)
    candidates = _candidates(graphs.read(path), ends, _merged(ends, values))
    names = list(dict.fromkeys(name for some in candidates.values() for name in some))
    pairs: dict[tuple[Node, str], _Pair] = {}
    few = samples.first(SAMPLES if names else 0).watched(progress)
    batches, fed_to_file = itertools.tee(few.batches(file.batch))
    for rows, tensors in zip(batches, inner_tensors(path, map(file.feeds, fed_to_file), names), strict=True):
        fed = network.feeds(rows)
        inputs = [torch.from_numpy(fed[spec.name]) for spec in network.session.inputs]
        seen = activations(program, values, inputs)
        for node, module in values.items():
            value = seen[node].float().numpy()
            for name in candidates[module]:
                if sides(tensors[name].shape) == sides(value.shape):
                    pairs.setdefault((node, name), _Pair(module in rewritten)).add(value, tensors[name])
    return _report(ends, values, pairs, min(SAMPLES, len(samples)))


def _modules(graph: Graph) -> dict[str, Node]:
    """The paths of modules, and where the last value of each is computed, in order.

    Of modules that end in the same value, as a convolution's block and the activation in it, the innermost stands here
    that holds several, or else the innermost.
    """
    last: dict[str, Node] = {}
    parts: dict[str, set[str]] = {}
    for node in graph.nodes:
        value = node.meta.get("val")
        if node.op != "call_function" or not isinstance(value, torch.Tensor) or not value.is_floating_point():
            continue
        around = modules_around(node)
        for module in around:
            last[module] = node
            parts.setdefault(module, set()).add(around[-1])
    ends: dict[Node, list[str]] = {}
    for module, node in last.items():
        ends.setdefault(node, []).append(module)
    named = {node: max(some, key=lambda one: (len(parts[one]) > 1, one.count("."))) for node, some in ends.items()}
    return {named[node]: node for node in graph.nodes if node in named}


def _values(ends: Mapping[str, Node]) -> dict[Node, str]:
    """What a module may give in a file, and the module: its value, or that behind activations in the forward around it,
    which converters merge into it."""
    found = {node: module for module, node in ends.items()}
    for module, node in ends.items():
        shape = node.meta["val"].shape
        while len(node.users) == 1:
            (node,) = node.users
            value = node.meta.get("val")
            alone = len(node.all_input_nodes) == 1 and isinstance(value, torch.Tensor) and value.shape == shape
            if node.op != "call_function" or not alone or node in found:
                break
            found[node] = module
    return found


def _merged(ends: Mapping[str, Node], values: Mapping[Node, str]) -> dict[str, set[str]]:
    """Modules, and those that converters merge with them: a normalisation into the convolution before it, and both with
    an activation after them. Each, or the forward around them, may give its name to the operator."""
    found = {module: {module} for module in ends}
    for node, module in values.items():
        found[module].add(module_of(node))
    for module, node in ends.items():
        while node.target not in _WEIGHTED:
            computed = [one for one in node.all_input_nodes if one.op == "call_function"]
            if len(computed) != 1:
                break
            (node,) = computed
            found[module].add(module_of(node))
    return found


def _candidates(graph: graphs.Graph, ends: Mapping[str, Node], merged: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """Module -> the tensors of the file that may be its value, in order: of an operator of what is ``merged`` with it,
    where the file names modules, and of its sides, where it says them. Outputs of the file have names of their own."""
    computed = set(graph.inputs)
    found: dict[str, list[str]] = {module: [] for module in ends}
    named = names_modules(graph)
    wanted = {module: sides(node.meta["val"].shape) for module, node in ends.items()}
    for node in graph.nodes:
        if node.scope or not computed & set(node.inputs):
            continue
        results = [result for result in node.outputs if result != ABSENT]
        computed |= set(results)
        for result in results:
            shape = graph.tensors[result].shape
            extent = sides(shape) if shape is not None and DYNAMIC not in shape else None
            anywhere = not named or result in graph.outputs
            for module in ends:
                if extent in (None, wanted[module]) and (anywhere or is_inside(node.module, merged[module])):
                    found[module].append(kept(graph, result))
    return {module: list(dict.fromkeys(names)) for module, names in found.items()}


def _report(
    ends: Mapping[str, Node], values: Mapping[Node, str], pairs: Mapping[tuple[Node, str], _Pair], samples: int
) -> LayersParity:
    close = {key: _closeness(pair.sqnr_db) for key, pair in pairs.items() if not np.isneginf(pair.sqnr_db)}  # zeros
    of_module: dict[str, tuple[Node, str]] = {}
    of_tensor: dict[str, tuple[Node, str]] = {}
    for key, near in close.items():  # of equals the last, which is the module's end
        node, tensor = key
        module = values[node]
        if module not in of_module or near >= close[of_module[module]]:
            of_module[module] = key
        if tensor not in of_tensor or near >= close[of_tensor[tensor]]:
            of_tensor[tensor] = key
    found = {module: key for module, key in of_module.items() if of_tensor[key[1]] == key}
    place = {node: module for node, module in values.items() if module in found}
    rows = []
    for module in (one for one in ends if one in found):
        pair, (_, tensor) = pairs[found[module]], found[module]
        before = metrics.smallest(pairs[found[one]].sqnr_db for one in _before(ends[module], place))
        rows.append(
            LayerParity(
                module,
                tensor,
                None if np.isposinf(pair.sqnr_db) else pair.sqnr_db,
                pair.max_abs_error,
                None if before is None or not np.isfinite(before) else before,
                bool(np.isnan(pair.sqnr_db)),
            )
        )
    return LayersParity(samples, tuple(rows), tuple(module for module in ends if module not in found))


def _before(node: Node, places: Mapping[Node, str]) -> Sequence[str]:
    """The modules whose values a value is computed from, without others between."""
    pending, seen, found = list(node.all_input_nodes), set(), []
    while pending:
        one = pending.pop()
        if one in seen:
            continue
        seen.add(one)
        if one in places:
            found.append(places[one])
        else:
            pending += one.all_input_nodes
    return found
