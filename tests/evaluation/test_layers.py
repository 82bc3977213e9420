"""Errors by layer: what is found of a module is that module's, and a damage shows where it is."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

import ca_deploy
from ca_deploy.errors import ModelError, UsageError
from ca_deploy.records.parity import LayerParity, LayersParity
from tests.pipeline.kit import TINY

pytestmark = pytest.mark.usefixtures("warm_converters")

FACTORY = "tests.zoo.tiny:tiny_trained"
LAYERS = ("stem", "block.expand", "block.depthwise", "block.attention", "block.project")
RECIPES = {
    "onnx_float32": 90.0,
    "tflite_float32": 90.0,
    "coreml_float16": 45.0,
    "onnx_static_wi8_ai8": 10.0,
    "tflite_static_wi8_ai8": 10.0,
    "coreml_static_wi8_ai8": 10.0,
}


def found_in(file: Path, against: str | nn.Module = FACTORY) -> LayersParity:
    report = ca_deploy.compare(file, against, layers=True)
    assert report.layers is not None
    return report.layers


def by_module(found: LayersParity) -> dict[str, LayerParity]:
    return {one.module: one for one in found.layers}


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_layer_of_a_good_file_is_found_and_good(files: dict[str, Path], recipe: str) -> None:
    found = by_module(found_in(files[recipe]))
    assert [one for one in found if one in LAYERS] == list(LAYERS)  # in the network's order
    for layer in LAYERS:
        sqnr_db = found[layer].sqnr_db
        assert sqnr_db is None or sqnr_db > RECIPES[recipe], layer
    assert not any(one.not_a_number for one in found.values())


@pytest.mark.parametrize("recipe", ["tflite_float32", "onnx_float32"])
def test_a_block_that_gives_a_multiple_is_no_error(recipe: str, tmp_path: Path) -> None:
    """1 + tanh is twice the gate, and the weights behind the block make it good."""
    (export,) = ca_deploy.export(TINY, recipes=[recipe], lowering="sigmoid=tanh", output=tmp_path)
    (block,) = export.manifest.lowering.blocks
    assert block.choice.sigmoid == "tanh"
    found = by_module(found_in(export.path))
    assert (found["block.attention"].sqnr_db or np.inf) > 90
    assert not set(found) & (set(block.modules) - {block.module})


def damaged(file: Path, node: str, to: Path, factor: float) -> Path:
    """A copy, without a manifest, in which the weights of a convolution are multiplied."""
    model = onnx.load(file)
    (conv,) = [one for one in model.graph.node if one.op_type == "Conv" and node in _origin(one)]
    (weights,) = [one for one in model.graph.initializer if one.name == conv.input[1]]
    weights.CopyFrom(numpy_helper.from_array(factor * numpy_helper.to_array(weights), weights.name))
    onnx.save(model, to)
    return to


def _origin(node: onnx.NodeProto) -> str:
    return next((one.value for one in node.metadata_props if one.key == "pkg.torch.onnx.name_scopes"), "")


def on_pixels(file: Path, to: Path) -> ca_deploy.ParityReport:
    """A file without a manifest, compared with the network on noise."""
    samples = to.with_suffix(".npz")
    np.savez(samples, image=np.random.default_rng(0).integers(0, 256, (32, 32, 32, 3), np.uint8))
    source = replace(TINY, labels=None)
    return ca_deploy.compare(file, source, source=source, load_inputs=samples, layers=True)


@pytest.mark.parametrize("layer", ["stem", "block.expand", "block.depthwise"])
def test_a_damage_shows_in_its_layer_and_not_before(files: dict[str, Path], tmp_path: Path, layer: str) -> None:
    wrong = damaged(files["onnx_float32"], layer, tmp_path / "wrong.onnx", -1.0)
    report = on_pixels(wrong, tmp_path / "noise")
    assert report.layers is not None
    found = by_module(report.layers)
    place = LAYERS.index(layer)
    assert all((found[one].sqnr_db or np.inf) > 90 for one in LAYERS[:place])
    assert (found[layer].sqnr_db or np.inf) < 10
    assert max(found.values(), key=lambda one: one.lost_db or 0).module.startswith(layer)


def test_nan_shows_where_it_begins(files: dict[str, Path], tmp_path: Path) -> None:
    wrong = damaged(files["onnx_float32"], "block.depthwise", tmp_path / "wrong.onnx", float("nan"))
    report = on_pixels(wrong, tmp_path / "noise")
    assert report.layers is not None
    found = by_module(report.layers)
    assert not found["block.expand"].not_a_number and (found["block.expand"].sqnr_db or np.inf) > 90
    assert found["block.depthwise"].not_a_number


@pytest.mark.parametrize("how", [{"dynamic_batch": True}, {"batch": 2}])
def test_files_of_other_shapes(how: dict[str, Any], tmp_path: Path) -> None:
    (export,) = ca_deploy.export(TINY, recipes=["onnx_float32"], output=tmp_path, **how)
    found = by_module(found_in(export.path))
    assert set(LAYERS) <= set(found)
    assert all((found[one].sqnr_db or np.inf) > 90 for one in LAYERS)


def test_a_program_has_the_modules_of_its_network(tmp_path: Path) -> None:
    from tests.zoo.tiny import tiny_trained

    place = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(tiny_trained().eval(), (torch.rand(1, 3, 32, 32),)), place)
    (export,) = ca_deploy.export(replace(TINY, model=str(place)), recipes=["onnx_float32"], output=tmp_path / "out")
    found = by_module(found_in(export.path, str(place)))
    assert all((found[one].sqnr_db or np.inf) > 90 for one in LAYERS)


class Separate(nn.Module):
    """A residual block as many write it: each module on its own, one activation for all, and one of the forward."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.stem, self.relu = nn.Conv2d(3, 8, 4, 4), nn.ReLU()
            self.conv1, self.conv2 = (nn.Conv2d(8, 8, 3, padding=1, bias=False) for _ in range(2))
            self.bn1, self.bn2 = nn.BatchNorm2d(8), nn.BatchNorm2d(8)
            for bn in (self.bn1, self.bn2):
                for value in (bn.running_mean, bn.running_var, bn.weight, bn.bias):
                    assert value is not None
                    nn.init.uniform_(value, 0.5, 2)
            self.fc = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        found: torch.Tensor = self.fc(self.relu(x + y).mean((2, 3)))
        return found


def test_modules_that_are_merged_are_no_error(tmp_path: Path) -> None:
    recipes = {"onnx_float32": 90, "tflite_float32": 90, "coreml_float16": 40, "onnx_static_wi8_ai8": 20}
    source = ca_deploy.ModelSource(input_size=32)
    for export in ca_deploy.export(Separate(), source=source, recipes=list(recipes), output=tmp_path):
        found = by_module(found_in(export.path, Separate()))
        recipe = export.manifest.recipe.name
        assert {"stem", "bn1", "bn2", "relu", "fc"} <= found.keys(), recipe
        for layer, one in found.items():
            assert one.sqnr_db is None or one.sqnr_db > recipes[recipe], (recipe, layer)


class Plain(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x.mean((2, 3)))


def test_what_has_no_layers_is_said(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Name the network: --against MODEL"):
        ca_deploy.compare(files["onnx_float32"], files["tflite_float32"], layers=True)
    with pytest.raises(UsageError, match="--layers is for exported files"):
        ca_deploy.compare(FACTORY, FACTORY, source=TINY, layers=True)
    (export,) = ca_deploy.export(
        Plain(), source=ca_deploy.ModelSource(input_size=32), recipes=["onnx_float32"], output=tmp_path
    )
    with pytest.raises(ModelError, match="has no modules"):
        found_in(export.path, Plain())


def test_the_loss_is_against_what_a_layer_takes() -> None:
    rows: Sequence[LayerParity] = (LayerParity("a", "t", 30.0, 0.1), LayerParity("b", "u", 21.0, 0.1, 30.0))
    assert [one.lost_db for one in rows] == [None, 9.0]
