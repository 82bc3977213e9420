"""What is found in a traced network: a feature map multiplied by gates that were computed from its own averages."""

from dataclasses import dataclass
from typing import Literal

from torch.fx import Node

from ca_deploy.records.module_path import module_of

# One value per row (pooled over the width), per column (over the height), per map (over both), or per element.
Extent = Literal["rows", "columns", "map", "elements"]
_ORDER: tuple[Extent, ...] = ("columns", "rows", "map", "elements")


@dataclass(frozen=True, slots=True)
class Pool:
    """``node`` takes one value of ``(N, C, H, W)`` per row, column or map: their mean, or another (``is_mean``)."""

    node: Node
    extent: Extent
    is_mean: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """A factor of the map that depends on its pools alone: ``(N, C, H, 1)``, ``(N, C, 1, W)``, ``(N, C, 1, 1)``, or
    ``(N, C, H, W)`` where rows and columns are combined before (``extent`` is ``"elements"``)."""

    node: Node
    extent: Extent


@dataclass(frozen=True, slots=True)
class Projection:
    """The 1x1 convolution that alone uses the gated map, and the BatchNorm after it; ``end`` is the result of both."""

    convolution: Node
    norm: Node | None
    end: Node

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Both, and their weights."""
        found = [self.convolution, *([] if self.norm is None else [self.norm])]
        weights = [given for node in found for given in node.all_input_nodes if given.op == "get_attr"]
        return (*weights, *found, self.end)


@dataclass(frozen=True, slots=True)
class Block:
    """``product = map * gates``, each gate a function of ``pools`` of the same map, whatever that function is.

    ``map`` is ``(N, C, H, W)`` with fixed sizes. ``path`` holds the nodes between pools and gates in order, and
    ``chain`` the multiplications. Nothing else uses any of these.
    """

    map: Node
    pools: tuple[Pool, ...]
    path: tuple[Node, ...]
    gates: tuple[Gate, ...]
    chain: tuple[Node, ...]
    product: Node
    projection: Projection | None
    module: str

    @property
    def gates_in_order(self) -> list[Gate]:
        """Its gates in the order in which every form multiplies: those of columns before those of rows."""
        return sorted(self.gates, key=lambda gate: _ORDER.index(gate.extent))

    @property
    def end(self) -> Node:
        """The last node that a rewrite may replace."""
        return self.product if self.projection is None else self.projection.end

    @property
    def modules(self) -> tuple[str, ...]:
        """The paths of the modules that its operations come from."""
        operations = (*(pool.node for pool in self.pools), *self.path, *self.chain)
        return tuple(dict.fromkeys(module_of(node) for node in operations if node.op != "get_attr"))

    @property
    def size(self) -> tuple[int, int, int, int]:
        """``(N, C, H, W)`` of the map."""
        n, c, h, w = self.map.meta["val"].shape
        return int(n), int(c), int(h), int(w)

    @property
    def fits_channels_last(self) -> bool:
        """Whether it has one sample, means, gates per row, column or map, and a projection."""
        return (
            self.size[0] == 1
            and self.projection is not None
            and all(gate.extent != "elements" for gate in self.gates)
            and all(pool.is_mean for pool in self.pools)
        )
