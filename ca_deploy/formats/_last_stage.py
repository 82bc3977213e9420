"""The last stage of a network: what it does after its last layers, and whether integers can do it.

Where one scale for all channels would destroy an output (:mod:`ca_deploy.formats._channel_scales`), everything from its
last layers with weights on stays float; their inputs come dequantised from the integer part. The graph of each format
is walked in one neutral form.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from types import MappingProxyType

from ca_deploy.errors import RecipeError
from ca_deploy.formats._channel_scales import ChannelScales, Narrow
from ca_deploy.records.recipe import ExportRecipe, LayerBits

FEWEST_SAMPLES = 8  # of fewer, or of noise alone, a deviation says little


@dataclass(frozen=True, slots=True)
class Node:
    """An operation of a float graph, with the float tensors that it takes (constants left out) and gives.

    ``layer``: it has weights. ``bounded``: it makes probabilities, as sigmoid and softmax do, whose scale is theirs by
    nature. ``joins``: it puts its operands side by side.
    """

    name: str
    kind: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    layer: bool = False
    bounded: bool = False
    joins: bool = False


@dataclass(frozen=True, slots=True)
class LastStage:
    """``nodes`` from the last layers to the output, and the tensors whose channels end up as its channels."""

    output: str
    nodes: tuple[str, ...]
    tensors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeptFloat:
    """Reasons by the name of the node that stays float, and notes for the summary."""

    reasons: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LastStages:
    """The last stages of a float graph, and ``scales`` of their tensors, which calibration fills by name.

    ``quantised`` names the tensors that would have an integer scale: the others need no rescue.
    """

    nodes: tuple[Node, ...]
    stages: tuple[LastStage, ...]
    quantised: Set[str]
    scales: Mapping[str, ChannelScales]

    @classmethod
    def of(cls, nodes: Sequence[Node], outputs: Sequence[str], quantised: Set[str]) -> "LastStages":
        """``nodes`` are in the order of execution, ``outputs`` the names of the float outputs."""
        made = {name: node for node in nodes for name in node.gives}
        stages = tuple(_stage(nodes, made, output) for output in outputs if output in made)
        scales = {name: ChannelScales() for stage in stages for name in stage.tensors}
        return cls(tuple(nodes), stages, quantised, scales)

    def kept_float(
        self, recipe: ExportRecipe, samples: int, overrides: Mapping[str, LayerBits] = MappingProxyType({})
    ) -> KeptFloat:
        """What stays float, by the recipe and the scales of ``samples`` samples.

        ``overrides`` has the bits of the nodes that a ``[[layer]]`` covers: it alone decides about them.

        Raises:
            RecipeError: the recipe insists on a float last stage, and nothing but that would be left.
        """
        reasons: dict[str, str] = {}
        notes = []
        for stage in self.stages:
            found = self._narrow(stage, recipe.activation_bits or 8, overrides) if samples >= FEWEST_SAMPLES else None
            if found is None and recipe.last_stage != "float":
                continue
            kept = [name for name in stage.nodes if name not in overrides]
            if obstacle := self._obstacle(recipe, {*reasons, *kept, *_float(overrides)}):
                notes.append(f"Integers lose what output {stage.output!r} says: {found}. {obstacle}")
                continue
            why = found or f"the recipe has last_stage = {recipe.last_stage!r}"
            reason = f"last stage of {stage.output!r}, kept float: {why}"
            reasons = {**dict.fromkeys(kept, reason), **reasons}
            if found is not None:
                operators = self._counted(kept)
                notes.append(f"The last stage of output {stage.output!r} ({operators}) stays float: else {found}.")
        return KeptFloat(reasons, tuple(notes))

    def _narrow(self, stage: LastStage, bits: int, overrides: Mapping[str, LayerBits]) -> Narrow | None:
        """The narrowest channels of any of its tensors that are not probabilities."""
        found = []
        for node in self.nodes:
            own = overrides.get(node.name, bits)
            if own != "float":
                tensors = (set(node.gives) & set(stage.tensors) & self.quantised) - self._probabilities
                found += [narrow for name in sorted(tensors) if (narrow := self.scales[name].narrow(own))]
        return min(found, key=lambda narrow: narrow.fewest, default=None)

    @property
    def _probabilities(self) -> set[str]:
        """Tensors that sigmoid or softmax made, and what became of them within 0..1."""
        found: set[str] = set()
        for node in self.nodes:
            within = all(name in self.scales and self.scales[name].is_probability for name in node.gives)
            if node.bounded or (within and node.takes and found.issuperset(node.takes)):
                found |= set(node.gives)
        return found

    def _obstacle(self, recipe: ExportRecipe, kept: Set[str]) -> str:
        """Why the last stage cannot be float, and what to do; "" where it can."""
        apart = "let the network return such channels as an output of its own"
        if recipe.last_stage == "integer":
            return f"The recipe has last_stage = 'integer': remove the key, or {apart}."
        if recipe.io == "int8":
            return f"The recipe's output is INT8: choose one with float32 output, or {apart}."
        if any(node.layer and node.name not in kept for node in self.nodes):
            return ""
        if recipe.last_stage == "float":
            raise RecipeError(
                f"{recipe.name}: last_stage = 'float' leaves no layer of this network to quantise. Remove the key, or "
                "export by a float recipe."
            )
        return "With a float last stage, no layer would be left to quantise: choose a float recipe."

    def _counted(self, names: Sequence[str]) -> str:
        """``3 operators: 2 x Conv, Sigmoid``"""
        chosen = set(names)
        kinds = Counter(node.kind for node in self.nodes if node.name in chosen)
        listed = ", ".join(f"{count} x {kind}" if count > 1 else kind for kind, count in kinds.most_common())
        return f"{kinds.total()} operator{'s' if kinds.total() > 1 else ''}: {listed}"


def _stage(nodes: Sequence[Node], made: Mapping[str, Node], output: str) -> LastStage:
    """The ancestors of an output after which no layer comes, other than behind the output itself.

    A residual stream is cut by that where layers still take it.
    """
    leads_on: set[str] = set()  # tensors that a layer takes, or that become one that a layer takes
    for node in reversed(nodes):
        if node.layer or any(name in leads_on and name != output for name in node.gives):
            leads_on |= set(node.takes)
    ancestors: set[str] = set()
    waiting = [output]
    while waiting:
        found = made.get(waiting.pop())
        if found is None or found.name in ancestors or any(name in leads_on and name != output for name in found.gives):
            continue
        ancestors.add(found.name)
        waiting += found.takes
    names = tuple(node.name for node in nodes if node.name in ancestors)
    return LastStage(output, names, tuple(_becoming(output, made, ancestors)))


def _becoming(output: str, made: Mapping[str, Node], inside: Set[str]) -> Iterator[str]:
    """The output, and the tensors whose channels become its own: by operations on one tensor alone, or joined."""
    seen, waiting = set(), [output]
    while waiting:
        name = waiting.pop()
        node = made.get(name)
        if node is None or node.name not in inside or name in seen:
            continue
        seen.add(name)
        yield name
        taken = set(node.takes)
        if not node.layer and (node.joins or len(taken) == 1):
            waiting += node.takes


def _float(overrides: Mapping[str, LayerBits]) -> set[str]:
    return {name for name, bits in overrides.items() if bits == "float"}
