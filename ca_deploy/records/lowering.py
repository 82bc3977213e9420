"""How the attention of a network was written for a runtime: the choices, and the proof of each."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Literal

from ca_deploy.records.record import record

Pools = Literal["as_written", "mean", "convolution", "global_average", "average_pool"]
Branches = Literal["as_written", "apart"]
Activation = Literal["as_written", "folded"]
Sigmoid = Literal["as_written", "tanh"]
Product = Literal["as_written", "one_by_one", "outer_product", "copied"]
Layout = Literal["as_written", "channels_first", "channels_last"]
Padding = Literal["as_written", "flat"]


@record
class Choice:
    """How one block is written. ``as_written`` leaves a place as the network has it.

    Args:
        pools: ``mean`` over the axis; ``convolution``: columns by a constant depthwise convolution, rows by a mean;
            ``global_average``: pools of views in which a row or column is a map, for GlobalAveragePool;
            ``average_pool`` over windows as long as the axis.
        branches: ``apart`` runs what is concatenated along the positions, and split again, on each part.
        activation: ``folded`` writes h-swish as ``x * relu6(x + 3)`` and a gate by hard sigmoid as ``relu6(x + 3)``,
            with the 1/6 in the weights after it.
        sigmoid: ``tanh`` writes a gate by sigmoid as ``1 + tanh(z / 2)``, with the 1/2 in the weights before and after.
        product: ``one_by_one``: columns, then rows; ``outer_product``: one factor per element, by a matrix product;
            ``copied``: columns, then rows copied to the size of the map, or what is one for the map to that of a row.
        layout: ``channels_first`` computes gates in ``(N, C, H, 1)`` and ``(N, C, 1, W)``, without transposes, and with
            1x1 convolutions for linear layers; ``channels_last`` pools, multiplies, and applies the 1x1 convolution
            that follows, in ``(H, W, C)``.
    """

    pools: Pools = "as_written"
    branches: Branches = "as_written"
    activation: Activation = "as_written"
    sigmoid: Sigmoid = "as_written"
    product: Product = "as_written"
    layout: Layout = "as_written"

    @property
    def text(self) -> str:
        """What differs from the network, as ``--lowering`` takes it."""
        pairs = [(one.name, getattr(self, one.name)) for one in fields(self)]
        return ",".join(f"{name}={value}" for name, value in pairs if value != "as_written") or "as written"


AS_WRITTEN = Choice()


@record
class Proof:
    """Largest error of a rewritten block in float64, relative to the largest value of the original.

    ``error`` is that on a real activation with the network's own weights, ``lively_error`` that with random weights,
    whose gates differ from place to place by ``gate_spread`` (standard deviation).
    """

    error: float
    lively_error: float
    gate_spread: float


@record
class LoweredBlock:
    """A block of attention: ``module`` is its path, ``size`` the ``(N, C, H, W)`` of its map, ``gates`` what each has a
    value for, and ``modules`` the paths of all that belongs to it. ``choice`` is what was written; ``reason`` says why
    that is the network's own form against the rules. ``saves`` estimates the instructions per inference that it takes
    less than as written; None where that was not counted.
    """

    module: str
    size: tuple[int, int, int, int]
    gates: tuple[str, ...]
    modules: tuple[str, ...]
    choice: Choice
    proof: Proof | None = None
    reason: str = ""
    saves: int | None = None


@record
class LeftAlone:
    """A place that resembles attention, and the reason why it is not rewritten."""

    module: str
    reason: str


@record
class Lowering:
    """``rules`` names where the choices come from, and ``measured`` says what they were counted on; ``flat_pads`` is
    the number of paddings that were written flat. ``failure`` says why nothing was looked for.
    """

    rules: str = "reference"
    blocks: tuple[LoweredBlock, ...] = ()
    left_alone: tuple[LeftAlone, ...] = ()
    flat_pads: int = 0
    measured: str = ""
    failure: str = ""

    def in_network(self, path_of: Callable[[str], str]) -> "Lowering":
        """The same with other paths of modules: ``path_of`` gives that in the network for one in what was traced."""
        blocks = (
            replace(block, module=path_of(block.module), modules=tuple(map(path_of, block.modules)))
            for block in self.blocks
        )
        left = (replace(place, module=path_of(place.module)) for place in self.left_alone)
        return replace(self, blocks=tuple(blocks), left_alone=tuple(left))

    @property
    def changed(self) -> bool:
        """Whether any block is written in another way than the network's."""
        return any(block.choice != AS_WRITTEN for block in self.blocks)

    @property
    def saves(self) -> int | None:
        """Instructions per inference that all blocks take less than as written; None where that was not counted."""
        counted = [block.saves for block in self.blocks if block.saves is not None]
        return sum(counted) if counted else None

    @property
    def not_proved(self) -> tuple[LoweredBlock, ...]:
        """Blocks that stayed as written because the proof of another form failed."""
        return tuple(block for block in self.blocks if block.reason)
