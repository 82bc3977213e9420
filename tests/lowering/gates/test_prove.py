"""A wrong rewrite is caught, stays unwritten, and is said; what others use is left intact."""

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.fx import Node
from typer.testing import CliRunner

import ca_deploy
from ca_deploy.cli import app
from ca_deploy.lowering.gates import lower, lower_program, pool_forms
from ca_deploy.lowering.gates.block import Extent
from ca_deploy.lowering.gates.editor import Editor
from ca_deploy.lowering.rules import Rule, rules_for
from ca_deploy.records.lowering import AS_WRITTEN
from ca_deploy.render.lowering import sentences
from tests.lowering.gates.kit import Projected, image, traced
from tests.pipeline.kit import TINY
from tests.zoo import attention, gates

C = 16
MEANS = rules_for("pools=mean", "onnx", "float32")


def _wrong_axis(editor: Editor, source: Node, extent: Extent, sizes: tuple[int, ...]) -> Node:
    """On a square map the shapes fit, and the values do not."""
    turned = editor.call(torch.ops.aten.transpose.int, source, 2, 3)
    return pool_forms._mean(editor, turned, extent, sizes)


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pool_forms._FORMS, "mean", _wrong_axis)


@pytest.mark.usefixtures("wrong")
def test_a_wrong_rewrite_is_not_made_and_the_reason_is_kept() -> None:
    x = image(C, 12, 12)
    graph_module = traced(Projected(attention.CoordAtt(C), C), x)
    before = copy.deepcopy(graph_module)
    lowering = lower(graph_module, MEANS, [x])
    (block,) = lowering.not_proved
    assert block.choice == AS_WRITTEN
    assert block.reason.startswith("pools=mean was not proved: its error would be ")
    assert str(graph_module.graph) == str(before.graph)
    assert torch.equal(graph_module(x), before(x))


def test_gates_that_hardly_vary_prove_nothing() -> None:
    class Flat(attention.CoordAtt):
        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = x * (0.5 + 1e-9 * self.pool_h(x).sigmoid())
            return found

    x = image(C, 12, 12)
    (block,) = lower(traced(Projected(Flat(C), C), x), MEANS, [x]).not_proved
    assert "hardly vary" in block.reason


class OneGate(nn.Module):
    """One gate for all: it has no standard deviation."""

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x * x.mean((2, 3), keepdim=True).mean(1, keepdim=True).sigmoid()
        return found


class RootGate(nn.Module):
    """Not a number with random weights, and the same gate everywhere with its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(C, C, 1)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x * self.conv(x.mean(3, keepdim=True)).clamp(max=1).sqrt()
        return found


@pytest.mark.usefixtures("wrong")
@pytest.mark.parametrize("block", [OneGate, RootGate])
def test_what_is_not_a_number_proves_nothing(block: type[nn.Module]) -> None:
    x = image(C, 12, 12)
    graph_module = traced(Projected(block(), C), x)
    for name, value in graph_module.state_dict().items():
        if name.startswith("block.conv"):
            value.fill_(3 if name.endswith("bias") else -0.05)
    (refused,) = lower(graph_module, MEANS, [x]).not_proved
    assert "nan" in refused.reason


def test_a_block_that_is_used_twice_stays_as_written() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = attention.CoordAtt(C)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.block(self.block(x).relu())
            return found

    x = image(C, 12, 12)
    graph_module = traced(Twice(), x)
    expected = graph_module(x)
    lowering = lower(graph_module, MEANS, [x])
    assert [place.reason for place in lowering.left_alone] == ["its weights are used elsewhere too"] * 2
    assert not lowering.blocks
    assert torch.equal(graph_module(x), expected)


def test_hooks_are_part_of_the_network_that_is_traced() -> None:
    block = attention.CoordAtt(C)
    block.conv_h.register_forward_hook(lambda module, taken, given: 2 * given)
    x = image(C, 12, 12)
    graph_module = traced(Projected(block, C), x)
    expected = graph_module(x).detach()
    (written,) = lower(graph_module, rules_for("default", "onnx", "float32"), [x]).blocks
    assert written.proof is not None
    torch.testing.assert_close(graph_module(x).detach(), expected, rtol=1e-4, atol=1e-4)


def test_blocks_in_a_row_are_all_written() -> None:
    x = image(C, 12, 12)
    blocks = gates.RepVitSe(C), attention.CoordAtt(C), nn.Conv2d(C, C, 1), attention.Eca(C), nn.Conv2d(C, 4, 1)
    net = nn.Sequential(*blocks)
    for name in ("onnx", "tflite"):
        graph_module = traced(copy.deepcopy(net), x)
        expected = graph_module(x).detach()
        lowering = lower(graph_module, rules_for("default", name, "float32"), [x])
        assert len(lowering.blocks) == 3
        assert not lowering.not_proved
        torch.testing.assert_close(graph_module(x).detach(), expected, rtol=1e-4, atol=1e-4)


def test_lower_shows_every_block_for_every_runtime() -> None:
    command = ["lower", TINY.model, "--input-size", "32", "-c", "random"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    for name in ("onnxruntime-float32", "litert-int8", "coreml"):
        assert f"1 block of attention written for {name}; proved in float64" in done.stdout
    refused = CliRunner().invoke(app, [*command, "--target", "litert-int9"])
    assert refused.exit_code == 2
    assert "litert-int8" in refused.stderr


def test_the_manifest_has_each_block_with_its_proof(tmp_path: Path) -> None:
    recipes = ["onnx_float32", "tflite_static_wi8_ai8_uint8rgb_io", "coreml_float16_uint8rgb_io"]
    for written in ca_deploy.export(TINY, recipes=recipes, output=tmp_path):
        (block,) = written.manifest.lowering.blocks
        assert (block.module, block.gates) == ("block.attention", ("columns", "rows"))
        assert {"block.attention", "block.attention.pool_h", "block.attention.conv_w"} <= set(block.modules)
        assert block.proof is not None
        assert block.proof.error < 1e-12
        assert written.passed
    (reference,) = ca_deploy.export(TINY, formats=["onnx"], output=tmp_path / "reference", lowering="reference")
    assert reference.manifest.lowering.rules == "reference"
    assert not reference.manifest.lowering.changed


@pytest.mark.parametrize("block", [attention.SqueezeExcite, partial(gates.With, gate=nn.Hardsigmoid)])
def test_a_hard_sigmoid_becomes_the_activation_of_its_convolution(block: Callable[[int], nn.Module]) -> None:
    x = image(C, 12, 12)
    graph_module = traced(Projected(block(C), C), x)
    assert torch.ops.aten.hardsigmoid.default in {node.target for node in graph_module.graph.nodes}
    (written,) = lower(graph_module, rules_for("default", "onnx", "static"), [x]).blocks
    assert written.proof is not None
    assert torch.ops.aten.hardsigmoid.default not in {node.target for node in graph_module.graph.nodes}


def test_gates_of_true_and_false_are_judged_as_others() -> None:
    class Chosen(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * (x.mean(3, keepdim=True) > 0)

    x = image(C, 12, 12)
    (block,) = lower(traced(Projected(Chosen(), C), x), MEANS, [x]).blocks
    assert "its gates hardly vary (standard deviation 0.0e+00)" in block.reason


@pytest.mark.parametrize(("side", "said"), [(12, "as many instructions as written"), (60, "1.2 M instructions less")])
def test_what_a_block_saves_is_what_was_counted_per_element_of_its_map(side: int, said: str) -> None:
    counted = Rule(pools="mean", instructions=4.0, as_written=24.5)
    x = image(C, side, side)
    lowering = lower(traced(Projected(attention.CoordAtt(C), C), x), replace(MEANS, choices=(counted,)), [x])
    assert lowering.saves == 20.5 * C * side * side
    assert any(said in str(line) for line in sentences(lowering))
    unknown = lower(traced(Projected(attention.CoordAtt(C), C), x), MEANS, [x])
    assert unknown.saves is None
    assert not any("instructions" in str(line) for line in sentences(unknown))


def test_a_network_that_cannot_be_taken_apart_is_exported_as_it_is_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(self: object, table: object) -> None:
        raise RuntimeError("no decomposition")

    x = image(C, 12, 12)
    program = torch.export.export(Projected(attention.CoordAtt(C), C).eval(), (x,))
    monkeypatch.setattr(type(program), "run_decompositions", failing)
    same, lowering = lower_program(program, MEANS, [x])
    assert str(same.graph) == str(program.module().graph)
    assert lowering.failure == "no decomposition"
    assert "cannot take the network apart (no decomposition)" in "".join(map(str, sentences(lowering)))
