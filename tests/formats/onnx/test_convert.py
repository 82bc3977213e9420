"""Converted graphs name modules and carry no local paths; what has no ONNX form is refused with the reason."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn

from ca_deploy.errors import ModelError, RecipeError
from ca_deploy.formats.onnx.convert import to_onnx
from ca_deploy.lowering.rules import rules_for
from ca_deploy.models.coord_attention import CoordAttention
from ca_deploy.networks.source import Network, load
from ca_deploy.recipes import load_recipe
from ca_deploy.records.model import ModelSource
from tests.formats.kit import export
from tests.formats.onnx.kit import (
    Export,
    as_network,
    feed,
    photos,
    run,
)
from tests.samples import answers
from tests.zoo.attention import SqueezeExcite

NET_SOURCE = """
from torch import nn
from ca_deploy.models.coord_attention import CoordAttention

def build():
    stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6())
    return nn.Sequential(stem, CoordAttention(16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4))
"""


@pytest.mark.parametrize("recipe", ["onnx_float32", "onnx_float16", "onnx_static_wi8_ai8"])
def test_nodes_name_their_module_and_no_local_path(recipe: str, exported: Export) -> None:
    _, path = exported(recipe, lowering="reference")
    content = path.read_bytes()
    for local in (str(Path(__file__).parents[3]), str(Path(torch.__file__).parent), "stack_trace", ".py"):
        assert local.encode() not in content
    nodes = {node.name: node for node in onnx.load(path).graph.node}
    assert {"stem.0/Conv", "attention.conv1/Conv", "attention.conv_h/Conv", "attention/Split"} <= nodes.keys()
    scopes = {entry.key: entry.value for entry in nodes["attention.conv_h/Conv"].metadata_props}
    assert "attention.conv_h" in scopes["pkg.torch.onnx.name_scopes"]


@pytest.mark.parametrize(("recipe", "operator"), [("onnx_float32", "Gemm"), ("onnx_static_wi8_ai8", "Conv")])
def test_attention_that_is_written_anew_keeps_the_names_of_its_modules(
    recipe: str, operator: str, exported: Export
) -> None:
    names = {node.name for node in onnx.load(exported(recipe)[1]).graph.node}
    assert {f"attention.{module}/{operator}" for module in ("conv1", "conv_h", "conv_w")} <= names


@pytest.mark.parametrize("recipe", ["onnx_float32", "onnx_static_wi8_ai8"])
def test_two_checkouts_give_the_same_bytes(recipe: str, tmp_path: Path) -> None:
    files: list[bytes] = []
    for checkout in ("here", "elsewhere/deeper"):
        source = tmp_path / checkout / "net_of_test.py"
        source.parent.mkdir(parents=True)
        source.write_text("\n" * len(files) + NET_SOURCE)
        spec = importlib.util.spec_from_file_location("net_of_test", source)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        torch.manual_seed(0)
        path = source.with_suffix(".onnx")
        export(as_network(module.build()), load_recipe(recipe), path, photos(4, seed=2))
        files.append(path.read_bytes())
    assert files[0] == files[1]


def test_program_is_exported_but_keeps_its_batch(network: Network, tmp_path: Path) -> None:
    program = as_network(nn.Identity())
    module = torch.export.export(network.module, network.examples()).module()
    program = replace(program, module=module, original=module, signature=network.signature)
    converted = export(program, load_recipe("onnx_float32"), tmp_path / "p.onnx")
    rgb = photos(2, seed=3)
    logits = run(converted, tmp_path / "p.onnx", feed(converted, network, rgb))
    assert np.abs(logits - answers(network, rgb)).max() <= 1e-4
    with pytest.raises(ModelError, match="--dynamic-batch"):
        export(program, load_recipe("onnx_float32"), tmp_path / "p.onnx", dynamic_batch=True)


class Bessel(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bent: torch.Tensor = torch.special.bessel_j0(x)
        return bent


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3)) if x.sum() > 0 else x.amax((2, 3))


@pytest.mark.parametrize("open_axes", [{}, {2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}], ids=["fixed", "open"])
def test_attention_of_a_program_is_written_anew(open_axes: dict[int, object], tmp_path: Path) -> None:
    """Sizes that are open in the program are fixed in a file for one size."""
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Tanh(), SqueezeExcite(8), nn.Conv2d(8, 4, 1)).eval()
    program = torch.export.export(net, (torch.randn(1, 3, 32, 32),), dynamic_shapes=({**open_axes},))
    torch.export.save(program, tmp_path / "net.pt2")
    network = load(ModelSource(str(tmp_path / "net.pt2"), input_size=32))
    model, lowering = to_onnx(network, 18, dynamic_batch=False, rules=rules_for("default", "onnx", "static"))
    assert [block.reason for block in lowering.blocks] == [""]
    assert not lowering.left_alone
    (x,) = network.examples()
    session = ort.InferenceSession(model.SerializeToString())
    (given,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    np.testing.assert_allclose(given, net(x).detach().numpy(), rtol=1e-4, atol=1e-5)


class Named(nn.Module):
    """With names that ca-deploy gives to its own."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.block, self.after = nn.Conv2d(3, 8, 3), CoordAttention(8), nn.Conv2d(8, 4, 1)
        self.register_buffer("lowered_0", torch.tensor([2.0]))
        self.register_buffer("lowered_2", torch.tensor([3.0]))

    def forward(self, lowered_1: torch.Tensor) -> torch.Tensor:
        scaled = self.before(lowered_1) * self.get_buffer("lowered_0") + self.get_buffer("lowered_2")
        found: torch.Tensor = self.after(self.block(scaled)).mean((2, 3))
        return found


def test_names_of_the_network_stay_its_own() -> None:
    network = as_network(Named())
    model, lowering = to_onnx(network, 18, dynamic_batch=False, rules=rules_for("default", "onnx", "static"))
    assert lowering.changed
    (x,) = network.examples()
    session = ort.InferenceSession(model.SerializeToString())
    (given,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    np.testing.assert_allclose(given, network.module(x).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_what_pytorch_cannot_write_lowered_is_exported_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    export_to_onnx = torch.onnx.export

    def refuse_lowered(program: torch.export.ExportedProgram, **how: object) -> object:
        if any("lowered" in node.name for node in program.graph.nodes):
            raise torch.onnx.errors.OnnxExporterError("no form")
        return export_to_onnx(program, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(torch.onnx, "export", refuse_lowered)
    network = as_network(nn.Sequential(nn.Conv2d(3, 8, 3), CoordAttention(8), nn.Conv2d(8, 4, 1), nn.Flatten()))
    model, lowering = to_onnx(network, 18, dynamic_batch=False, rules=rules_for("default", "onnx", "static"))
    assert lowering.failure == "no form" and not lowering.changed
    assert "Split" in {node.op_type for node in model.graph.node}


def test_operation_without_onnx_form_is_named_with_its_module(tmp_path: Path) -> None:
    strange = as_network(nn.Sequential(nn.Conv2d(3, 4, 3), Bessel(), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    with pytest.raises(ModelError, match=r"bessel_j0.*in its module '1'"):
        export(strange, load_recipe("onnx_float32"), tmp_path / "s.onnx")


def test_branching_on_values_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be traced"):
        export(as_network(Branching()), load_recipe("onnx_float32"), tmp_path / "b.onnx")


def test_an_opset_that_cannot_be_had_is_refused(network: Network, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="opset = 18"):
        recipe = replace(load_recipe("onnx_float32"), options={"opset": 15})
        export(network, recipe, tmp_path / "o.onnx")
