"""Gates are computed where the map has them: nothing is turned, viewed or linear, and the function is the same."""

import copy

import pytest
import torch
from torch import Tensor, nn

from ca_deploy.lowering.gates import lower
from ca_deploy.lowering.rules import rules_for
from ca_deploy.records.lowering import Lowering
from tests.lowering.gates.kit import Projected, image, traced
from tests.lowering.gates.test_spellings import FOUND, Build, C
from tests.zoo import attention, gates

_aten = torch.ops.aten
TURNED = {_aten.permute.default, _aten.transpose.int, _aten.cat.default, _aten.linear.default, _aten.conv1d.default}
VIEWED = {
    _aten.view.default,
    _aten.reshape.default,
    _aten.unsqueeze.default,
    _aten.squeeze.dim,
    _aten.flatten.using_ints,
}
# What stays: a norm of rows and columns together, a convolution along channels, groups as samples, CBAM's other half.
STAYS = {"group norm", "ECA", "EMA, first stage", "CBAM, channels"}


class Tokens(nn.Module):
    """Rows and columns as tokens, normalised over their channels: no form of a map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.fc = nn.LayerNorm(channels), nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows: Tensor = self.fc(self.norm(x.mean(3).transpose(1, 2))).transpose(1, 2).unsqueeze(-1)
        return x * rows.sigmoid()


class Dilated(nn.Module):
    """A long kernel on turned columns, with a dilation along them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, (3, 1), padding=(2, 0), dilation=(2, 1), groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        columns: Tensor = self.conv(x.mean(2, keepdim=True).transpose(-1, -2)).mT
        return x * columns.sigmoid()


class NewAxis(nn.Module):
    """A norm of one channel, on rows that have an axis of size 1 in that place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        rows: Tensor = self.norm(x.mean(3).unsqueeze(1)).squeeze(1).unsqueeze(-1)
        return x * rows.sigmoid()


class Copies(nn.Module):
    """A constant that makes copies of rows along an axis of size 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.ones(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        rows: Tensor = (x.mean(3).unsqueeze(1) * self.factors).sum(1).unsqueeze(-1)
        return x * rows.sigmoid()


class Relations(nn.Module):
    """Differences of the channels' averages, each with each."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean((2, 3))
        gates: Tensor = self.fc((means.unsqueeze(2) - means.unsqueeze(1)).abs()).unsqueeze(-1)
        return x * gates.sigmoid()


class Rescaled(nn.Module):
    """One value for a map, a factor for each channel, which are then rows."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv, self.factors = nn.Conv2d(channels, 1, 1), nn.Parameter(torch.ones(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        gates: Tensor = (self.conv(x.mean((2, 3), keepdim=True)) * self.factors).permute(0, 2, 1, 3)
        return x * gates.sigmoid()


def lowered(build: Build, height: int = 12, width: int = 10, batch: int = 1) -> tuple[set[object], Lowering]:
    """The operations of a block in Core ML's form, which gives what the block gave."""
    x = image(C, height, width, batch)
    original = traced(Projected(build(C), C), x)
    written = copy.deepcopy(original)
    lowering = lower(written, rules_for("default", "coreml", "float32"), [x])
    torch.testing.assert_close(written(x), original(x), rtol=1e-4, atol=1e-4 * float(original(x).detach().abs().max()))
    return {node.target for node in written.graph.nodes}, lowering


@pytest.mark.parametrize("name", FOUND)
def test_nothing_is_turned(name: str) -> None:
    operations, lowering = lowered(FOUND[name][0], 12, 12)
    (block,) = lowering.blocks
    assert block.choice.layout == "channels_first"
    assert bool(operations & (TURNED | VIEWED)) == (name in STAYS)


@pytest.mark.parametrize("build", [attention.SimpleCoordAttn, gates.Ela, gates.Means, Dilated, gates.SeLinear])
@pytest.mark.parametrize("batch", [1, 2])
def test_sides_may_differ(build: Build, batch: int) -> None:
    operations, lowering = lowered(build, 10, 14, batch)
    assert not operations & (TURNED | VIEWED)
    assert not lowering.not_proved


@pytest.mark.parametrize("build", [Tokens, NewAxis, Copies, Relations, Rescaled])
def test_what_is_no_form_of_a_map_stays_as_it_is(build: Build) -> None:
    """With as many rows as channels, which are told apart all the same."""
    _, lowering = lowered(build, C, 10)
    assert len(lowering.blocks) == 1
    assert not lowering.not_proved
