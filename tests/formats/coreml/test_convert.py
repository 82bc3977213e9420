"""Networks of every kind become ML Programs of known operations, or are refused with the reason."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ca_deploy.errors import ModelError
from ca_deploy.mil.operations import constant_operations, operations
from ca_deploy.networks.source import Network
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Converted
from tests.calling import Calling
from tests.formats.coreml.kit import RECIPES, run
from tests.formats.kit import Branching, Expanding, Tiny, network_of, photos, seeded
from tests.formats.kit import export_on_photos as export
from tests.samples import answers
from tests.samples import network_of as network_with


@pytest.mark.parametrize("name", RECIPES)
def test_attention_is_lowered_and_every_operation_is_known(
    name: str, exported: dict[str, tuple[Path, Converted]]
) -> None:
    _, converted = exported[name]
    kinds = set(converted.operators)
    assert not kinds & {"transpose", "concat", "split", "thresholded_relu", "clip"}
    assert kinds <= {*operations(), *constant_operations()}
    assert converted.operators["sigmoid_hard"] == 2


@pytest.mark.parametrize(("std", "operation"), [((0.5, 0.5, 0.5), "add"), ((0.2, 0.25, 0.3), "batch_norm")])
def test_a_picture_is_normalised_inside(
    std: tuple[float, float, float], operation: str, network: Network, tmp_path: Path
) -> None:
    """One scale for all channels is ImageType's own; three are part of the graph."""
    preprocessing = dataclasses.replace(network.signature.photo_or_refuse("a test"), mean=(0.4, 0.5, 0.6), std=std)
    other = network_with(network.original, preprocessing)
    recipe = dataclasses.replace(load_recipe("coreml_float32"), io="uint8rgb")
    converted = export(other, recipe, tmp_path / "camera.mlpackage")
    assert converted.operators[operation] == 1
    assert converted.operators.get("mul", 0) - 4 == (operation == "add")  # 4 are the attention's
    assert (converted.inputs[0].layout, converted.inputs[0].normalised) == ("NHWC", False)
    rgb = photos(4, seed=4)
    found = run(tmp_path / "camera.mlpackage", converted, other, rgb)
    assert np.abs(found - answers(other, rgb)).max() <= 1e-4


def test_expanded_gates_export(tmp_path: Path) -> None:
    foreign = network_of(seeded(lambda: Tiny(Expanding(16))))
    converted = export(foreign, load_recipe("coreml_float32"), tmp_path / "tiny.mlpackage")
    rgb = photos(1, seed=5)
    assert np.abs(run(tmp_path / "tiny.mlpackage", converted, foreign, rgb) - answers(foreign, rgb)).max() <= 1e-4
    assert "classify" not in converted.operators


class InItsBlock(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.block = Calling(function)

    def forward(self, x: Tensor) -> Tensor:
        pooled: Tensor = self.block(x).multiply(2).mean((2, 3))
        return pooled


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (lambda x: torch.fft.rfft2(x).abs(), "aten.fft_rfft2.default"),
        (torch.nn.functional.logsigmoid, "aten.log_sigmoid.default"),
    ],
)
def test_an_operation_without_a_form_is_named_with_its_module(
    function: Callable[[Tensor], Tensor], named: str, tmp_path: Path
) -> None:
    """It is named as the network calls it, and not as what it is made of."""
    network = network_of(InItsBlock(function))
    with pytest.raises(ModelError, match=rf"does not support .*{re.escape(named)}, in its module '[\w.]*block'"):
        export(network, load_recipe("coreml_float32"), tmp_path / "refused.mlpackage")


def test_a_network_that_branches_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"torch\.export"):
        export(network_of(Branching()), load_recipe("coreml_float32"), tmp_path / "refused.mlpackage")


class Degrees(nn.Module):
    """One number, and an offset that is no vector: ``before`` or behind it."""

    def __init__(self, before: bool) -> None:
        super().__init__()
        self.linear, self.before = nn.Linear(3, 1), before

    def forward(self, x: Tensor) -> Tensor:
        given: Tensor = self.linear(x.mean((2, 3)))
        return 273.15 - given if self.before else given + 273.15


@pytest.mark.parametrize("before", [True, False])
def test_an_offset_on_a_layer_with_one_result_is_fused(before: bool, tmp_path: Path) -> None:
    network = network_of(seeded(lambda: Degrees(before)))
    path = tmp_path / "degrees.mlpackage"
    converted = export(network, load_recipe("coreml_float32"), path)
    assert not {"add", "sub"} & converted.operators.keys()
    images = photos(4, seed=3)
    np.testing.assert_allclose(run(path, converted, network, images), answers(network, images), rtol=1e-5)


class Spelled(nn.Module):
    """Operations that coremltools knows under another name, or as several."""

    def forward(self, x: Tensor) -> Tensor:
        halved = torch.multiply(x, 0.5).subtract(torch.divide(x, 4), alpha=2)
        found: Tensor = torch.special.expit(halved).mean((2, 3))
        return found


def test_an_operation_that_coremltools_does_not_know_is_written_as_others(tmp_path: Path) -> None:
    network = network_of(Spelled())
    converted = export(network, load_recipe("coreml_float32"), tmp_path / "spelled.mlpackage")
    rgb = photos(2, seed=1)
    assert np.abs(run(tmp_path / "spelled.mlpackage", converted, network, rgb) - answers(network, rgb)).max() <= 1e-5
