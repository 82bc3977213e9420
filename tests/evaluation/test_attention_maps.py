"""The gates that are read are those of the modules, and Grad-CAM is that of hooks on them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from typer.testing import CliRunner

import ca_deploy
from ca_deploy import ModelSource
from ca_deploy.cli import app
from ca_deploy.errors import UsageError
from ca_deploy.evaluation.attention_maps import look
from ca_deploy.evaluation.attention_picture import drawn
from ca_deploy.networks.source import load
from tests.pipeline.kit import TINY
from tests.zoo.tiny import TinyCA


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)).save(path)
    return path


def test_gates_and_grad_cam_are_those_of_hooks_on_the_modules(photo: Path) -> None:
    network = load(TINY)
    looked = look(network, photo, wanted="2")
    tiny = network.original
    assert isinstance(tiny, TinyCA)
    kept: dict[str, Tensor] = {}
    attention = tiny.block.attention
    for name in ("conv_h", "conv_w"):
        attention.get_submodule(name).register_forward_hook(
            lambda _, taken, given, name=name: kept.update({name: given})
        )

    def keep(_: object, taken: object, given: Tensor) -> None:
        given.retain_grad()
        kept["map"] = given

    tiny.block.project.register_forward_hook(keep)
    (taken,) = network.signature.inputs
    assert taken.preprocessing is not None
    x = torch.from_numpy(taken.preprocessing.normalise(looked.pixels[None])).requires_grad_()
    tiny(x)[0, 2].backward()
    (block,) = looked.report.blocks
    assert block.module == "block.attention"
    for name, extent in (("conv_h", "rows"), ("conv_w", "columns")):
        expected = kept[name].sigmoid()[0].mean(0).flatten().detach()
        torch.testing.assert_close(torch.tensor(block.values[extent]), expected, rtol=1e-5, atol=1e-6)
    values, gradient = kept["map"], kept["map"].grad
    assert gradient is not None
    cam = torch.relu((gradient.mean((2, 3), keepdim=True) * values).sum(1))[0].detach()
    torch.testing.assert_close(torch.tensor(looked.report.cam), cam / cam.max(), rtol=1e-4, atol=1e-5)


def test_a_picture_has_a_line_per_network_and_takes_names_literally(photo: Path) -> None:
    network = load(TINY)
    looked = look(network, photo)
    blocks = looked.report.blocks
    one = drawn([(looked, blocks)], ".png")
    two = drawn([(looked, blocks), (looked, blocks)], ".png")
    assert one.startswith(b"\x89PNG")
    assert len(two) > len(one)
    assert b"<svg" in drawn([(looked, blocks)], ".svg")


def test_the_command_writes_a_picture_and_json(photo: Path, tmp_path: Path) -> None:
    arguments = ["attention", "tests.zoo.tiny:tiny_trained", "--input-size", "32", "--image", str(photo)]
    done = CliRunner().invoke(app, [*arguments, "--output", str(tmp_path / "gates.png"), "--json"])
    assert done.exit_code == 0, done.output
    (report,) = json.loads(done.stdout)
    assert sorted(report["blocks"][0]["values"]) == ["columns", "rows"]
    assert (tmp_path / "gates.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--block", "nowhere"], "nowhere"),
        (["--class", "99"], "99"),
        (["--output", "gates.bmp"], ".bmp is not drawn"),
        (["--image", "missing.png"], "missing.png"),
    ],
)
def test_what_is_wrong_is_said(photo: Path, more: list[str], said: str) -> None:
    arguments = ["attention", "tests.zoo.tiny:tiny_trained", "--input-size", "32", "--image", str(photo)]
    done = CliRunner().invoke(app, [*arguments, *more])
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


def test_a_network_without_attention_is_refused(photo: Path) -> None:
    with pytest.raises(ca_deploy.CaDeployError, match="has no attention made of averages"):
        ca_deploy.attention(ModelSource("mobilenet_v2", random_weights=True, input_size=64), photo)


def test_the_gates_per_position_of_cbam_are_those_of_its_module(photo: Path) -> None:
    network = load(ModelSource("mobilenet_v2_cbam", random_weights=True, input_size=64))
    kept: dict[str, Tensor] = {}
    norms = {name: module for name, module in network.original.named_modules() if name.endswith("spatial.bn")}
    for name, module in norms.items():
        module.register_forward_hook(lambda _, taken, given, name=name: kept.update({name: given.sigmoid()}))
    looked = look(network, photo)
    (taken,) = network.signature.inputs
    assert taken.preprocessing is not None
    network.original(torch.from_numpy(taken.preprocessing.normalise(looked.pixels[None])))
    by_position = {block.module: block for block in looked.report.blocks if "positions" in block.values}
    assert len(by_position) == len(norms) == len(looked.report.blocks) / 2
    assert not looked.report.left_alone
    for name, expected in kept.items():
        block = by_position[name.removesuffix(".bn")]
        torch.testing.assert_close(torch.tensor(block.values["positions"]), expected.flatten(), rtol=1e-4, atol=1e-5)


def test_files_are_named_beside_their_networks(photo: Path) -> None:
    with pytest.raises(UsageError, match="of which there are none here"):
        ca_deploy.attention(TINY, photo, against="tests.zoo.tiny:tiny_trained")
