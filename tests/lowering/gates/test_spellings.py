"""Every spelling is found by its structure, and each way to write it is the same function; look-alikes stay."""

import copy
import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from ca_deploy.lowering.gates import lower, lower_program
from ca_deploy.lowering.gates.find import find
from ca_deploy.lowering.rules import rules_for, shipped
from ca_deploy.networks.relift import relifted
from tests.lowering.gates.kit import Projected, image, traced
from tests.zoo import attention, gates

C = 16
Build = Callable[[int], nn.Module]
BOTH, ONE, SUM = ["columns", "rows"], ["map"], ["elements"]
FOUND: dict[str, tuple[Build, list[str]]] = {
    "authors' coordatt.py": (attention.CoordAtt, BOTH),
    "authors' mbv2_ca.py": (attention.CoordAttExpanded, BOTH),
    "timm CoordAttn": (attention.CoordAttn, BOTH),
    "timm SimpleCoordAttn": (attention.SimpleCoordAttn, SUM),
    "timm EfficientLocalAttn": (attention.EfficientLocalAttn, BOTH),
    "timm StripAttn": (attention.StripAttn, SUM),
    "means": (gates.Means, BOTH),
    "fixed pools": (gates.FixedPools, BOTH),
    "rows are turned": (gates.ColumnsFirst, BOTH),
    "slices": (gates.Slices, BOTH),
    "chunks": (gates.Chunks, BOTH),
    "two branches": (gates.TwoBranches, BOTH),
    "shared twice": (gates.SharedTwice, BOTH),
    "gates multiplied first": (gates.GatesMultiplied, BOTH),
    "rows first": (gates.RowsFirst, BOTH),
    "expand_as": (gates.Expanded, BOTH),
    "in place": (gates.InPlace, BOTH),
    "rows alone": (gates.OneAxis, ["rows"]),
    "without bias": (partial(gates.With, bias=False), BOTH),
    "without normalisation": (partial(gates.With, norm=nn.Identity), BOTH),
    "group norm": (partial(gates.With, norm=partial(nn.GroupNorm, 2, gates.REDUCED)), BOTH),
    "hard sigmoid gates": (partial(gates.With, gate=nn.Hardsigmoid), BOTH),
    "ReLU": (partial(gates.With, act=nn.ReLU), BOTH),
    "ReLU6 in place": (partial(gates.With, act=partial(nn.ReLU6, inplace=True)), BOTH),
    "SiLU": (partial(gates.With, act=nn.SiLU), BOTH),
    "GELU": (partial(gates.With, act=nn.GELU), BOTH),
    "Mish": (partial(gates.With, act=nn.Mish), BOTH),
    "PReLU": (partial(gates.With, act=partial(nn.PReLU, gates.REDUCED)), BOTH),
    "Hardswish": (partial(gates.With, act=nn.Hardswish), BOTH),
    "h-swish, divided last": (partial(gates.With, act=gates.Relu6Of6), BOTH),
    "h-swish, a sixth of a clamp": (partial(gates.With, act=gates.ClampTimesSixth), BOTH),
    "h-swish, hardsigmoid": (partial(gates.With, act=gates.HardSigmoidTimes), BOTH),
    "SE": (attention.SqueezeExcite, ONE),
    "SE, linear": (gates.SeLinear, ONE),
    "SE, flattened": (gates.SeFlat, ONE),
    "SE of PP-LCNet": (gates.LcNetSe, ONE),
    "SE of RepViT": (gates.RepVitSe, ONE),
    "ECA": (attention.Eca, ONE),
    "ELA": (gates.Ela, BOTH),
    "EMA, first stage": (gates.EmaFirst, BOTH),
    "BAM, channels": (gates.Bam, ONE),
    "CBAM, channels": (attention.Cbam, ONE),
}
LOOK_ALIKES: dict[str, tuple[Build, str]] = {
    "depends on the map": (gates.Mixed, "depend on the map itself"),
    "gates are outputs": (gates.GatesReturned, "used outside of it too"),
    "gate of another map": (gates.OfAnother, "something else than its map"),
    "SimAM": (attention.SimAm, "depend on the map itself"),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_spelling_is_found_and_written_anew_for_each_runtime(name: str) -> None:
    build, extents = FOUND[name]
    x = image(C, 12, 12)
    original = traced(Projected(build(C), C), x)
    expected = original(x).detach()
    tanh = rules_for("sigmoid=tanh", "tflite", "float32")
    for rules in {rules.forms: rules for rules in (*shipped().values(), tanh)}.values():
        graph_module = copy.deepcopy(original)
        (block,) = lower(graph_module, rules, [x]).blocks
        assert sorted(block.gates) == extents
        assert block.module.startswith("block")
        assert not block.reason
        assert block.proof is not None
        found = graph_module(x).detach()
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_look_alike_is_left_alone_with_the_reason(name: str) -> None:
    build, reason = LOOK_ALIKES[name]
    x = image(C, 12, 12)
    graph_module = traced(build(C), x)
    before = str(graph_module.graph)
    lowering = lower(graph_module, rules_for("default", "onnx", "float32"), [x])
    assert not lowering.blocks
    assert reason in lowering.left_alone[0].reason
    assert str(graph_module.graph) == before


def test_averages_of_windows_are_no_such_gates() -> None:
    assert find(traced(gates.Windows(C), image(C, 12, 12)).graph) == ([], [])


def with_open(axes: dict[int, object], build: Build) -> torch.export.ExportedProgram:
    net = Projected(build(C), C).eval()
    return torch.export.export(net, (image(C, 12, 12, 2),), dynamic_shapes=({**axes},))


@pytest.mark.parametrize("name", FOUND)
def test_an_open_batch_stays_open_and_is_written_anew(name: str) -> None:
    build, extents = FOUND[name]
    program = with_open({0: torch.export.Dim("n")}, build)
    found, lowering = lower_program(program, shipped()["onnxruntime-int8"], [image(C, 12, 12, 2)])
    (block,) = lowering.blocks
    assert sorted(block.gates) == extents
    assert not block.reason
    assert math.prod(block.size) == C * 12 * 12
    again = relifted(found, program).run_decompositions({}).module()
    for batch in (1, 2, 5):
        x = image(C, 12, 12, batch)
        expected = program.module()(x)
        torch.testing.assert_close(again(x), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("token", [torch.randn(1, 3), torch.tensor(2.0)], ids=["a row", "a number"])
def test_what_a_network_copies_for_each_sample_stays_so(token: Tensor) -> None:
    class WithToken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block, self.token = attention.CoordAtt(C), nn.Parameter(token)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.block(x)
            n, c, h, w = found.shape
            return torch.cat([found.reshape(n, c * h * w), self.token.expand(n, 3)], 1)

    net = WithToken().eval()
    program = torch.export.export(net, (image(C, 12, 12, 2),), dynamic_shapes=({0: torch.export.Dim("n")},))
    found, lowering = lower_program(program, shipped()["onnxruntime-int8"], [image(C, 12, 12, 2)])
    assert lowering.changed
    x = image(C, 12, 12, 3)
    torch.testing.assert_close(relifted(found, program).run_decompositions({}).module()(x), net(x))


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (1, 2, 0, 3), (1, 2, 3, 0)])
def test_samples_that_are_not_along_the_first_axis_of_a_map_are_left_alone(order: tuple[int, ...]) -> None:
    """Two of them would be written into the graph, and a proof with other numbers of rows would not see it."""

    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.after = nn.Conv2d(C, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            turned = x.permute(order)
            gated = turned * turned.mean(3, keepdim=True).sigmoid()
            found: Tensor = self.after(gated.permute([order.index(axis) for axis in range(4)]))
            return found

    x = image(C, 12, 12, 2)
    program = torch.export.export(Turned().eval(), (x,), dynamic_shapes=({0: torch.export.Dim("n")},))
    same, lowering = lower_program(program, shipped()["onnxruntime-int8"], [x])
    assert [place.reason.partition(",")[0] for place in lowering.left_alone] == [
        "the first axis of its map is not that of samples"
    ]
    assert same(image(C, 12, 12, 5)).shape[0] == 5


def test_an_open_size_of_the_image_stays_open() -> None:
    """To compare an open size with another fixes a program to the one that it was traced with."""
    program = with_open({2: torch.export.Dim("h")}, attention.CoordAtt)
    same, lowering = lower_program(program, rules_for("default", "onnx", "float32"), [image(C, 12, 12, 2)])
    assert [place.reason for place in lowering.left_alone] == ["its map has no fixed size"]
    assert same(image(C, 16, 12, 2)).shape[2] == 16
