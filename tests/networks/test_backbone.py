"""``--backbone-weights``: a network that was trained without attention gets it, with open gates."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import ca_deploy
from ca_deploy.cli import app
from ca_deploy.errors import CheckpointError, ModelError, UsageError
from ca_deploy.models.attention import attention_block
from ca_deploy.models.mobilenet_v2 import MobileNetV2
from ca_deploy.networks.source import load
from ca_deploy.records.model import ModelSource, registered_models

WIDTH = 0.5
CLASSES = 7


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MobileNetV2 without attention, with statistics that differ everywhere."""
    torch.manual_seed(0)
    network = MobileNetV2(CLASSES, WIDTH, attention=None)
    for key, value in network.state_dict().items():
        if value.ndim == 1:
            value.uniform_(0.5, 1.5)
        if "running_mean" in key:
            value -= 1
    path = tmp_path_factory.mktemp("backbone") / "plain.pth"
    torch.save({"state_dict": network.state_dict()}, path)
    return path


def source(plain: Path, model: str = "mobilenet_v2_ca", **fields: Any) -> ModelSource:
    return ModelSource(model, backbone_weights=plain, **{"width": WIDTH, "input_size": 64, **fields})


@pytest.mark.parametrize("model", ["mobilenet_v2_ca", "mobilenet_v2_se", "mobilenet_v2_cbam", "mobilenet_v2_ca_x"])
def test_all_but_the_open_gates_is_the_backbones(plain: Path, model: str) -> None:
    network = load(source(plain, model))
    own, given = network.module.state_dict(), torch.load(plain)["state_dict"]
    assert all(torch.equal(own[key], value) for key, value in given.items())
    assert {key.split(".")[2] for key in own.keys() - given.keys()} == {"attention"}
    block = network.module.get_submodule("features.5.attention")
    x = torch.randn(1, block.get_parameter(next(k for k, p in block.named_parameters() if p.ndim == 4)).shape[1], 6, 5)
    with torch.inference_mode():
        ratio = block(x) / x
    assert ratio.min() > 0.9 and ratio.max() - ratio.min() < 1e-5
    assert network.trained and network.checkpoint == plain
    assert "open gates" in " ".join(network.notes)
    assert network.signature.outputs[0].shape == (1, CLASSES)


def test_a_classifier_of_another_size_is_new_and_the_network_untrained(plain: Path) -> None:
    network = load(source(plain, num_classes=3))
    assert network.signature.outputs[0].shape == (1, 3)
    assert not network.trained
    assert "New and untrained: classifier" in " ".join(network.notes)


@pytest.mark.parametrize(
    ("model", "size", "new", "outputs"),
    [
        ("ssdlite320_mobilenet_v2_ca", 320, ["extras", "box_heads", "class_heads"], 80),
        ("ssdlite320_mobilenet_v2", 320, ["extras", "box_heads", "class_heads"], 80),
        ("deeplabv3_mobilenet_v2_se", 64, ["pyramid", "classifier"], 21),
        ("deeplabv3_mobilenet_v2_s8", 64, ["pyramid", "classifier"], 21),
    ],
)
def test_detectors_and_segmenters_start_from_a_classifier(
    plain: Path, model: str, size: int, new: list[str], outputs: int
) -> None:
    network = load(source(plain, model, input_size=size))
    own, given = network.original.state_dict(), torch.load(plain)["state_dict"]
    taken = {key for key, value in given.items() if key in own and torch.equal(own[key], value)}
    unused = ("classifier.", "features.18.") if "deeplab" in model else ("classifier.",)
    assert given.keys() - taken == {key for key in given if key.startswith(unused)}
    assert not network.trained
    assert f"New and untrained: {', '.join(new)}." in " ".join(network.notes)
    assert network.task.class_count(network.signature) == outputs


@pytest.mark.parametrize(
    ("trained", "model", "size"),
    [
        ("ssdlite320_mobilenet_v2", "ssdlite320_mobilenet_v2_ca", 320),
        ("deeplabv3_mobilenet_v2", "deeplabv3_mobilenet_v2_se", 64),
    ],
)
def test_attention_is_added_to_a_trained_detector_or_segmenter(
    trained: str, model: str, size: int, tmp_path: Path
) -> None:
    factory = registered_models()[trained].factory
    module, _, function = factory.partition(":")
    given = getattr(importlib.import_module(module), function)(num_classes=5, width=WIDTH).state_dict()
    torch.save(given, tmp_path / "trained.pth")
    network = load(source(tmp_path / "trained.pth", model, input_size=size))
    own = network.original.state_dict()
    assert all(torch.equal(own[key], value) for key, value in given.items())
    assert network.trained and "untrained" not in " ".join(network.notes)
    assert network.task.class_count(network.signature) == 5


class Flat(nn.Module):
    """Attention beside the rest, and a head of its own."""

    new_modules = ("head",)

    def __init__(self, num_classes: int = 4) -> None:
        super().__init__()
        self.stem, self.attention = nn.Conv2d(3, 16, 3), attention_block("ca", 16)
        self.head, self.classifier = nn.Conv2d(16, 16, 1), nn.Linear(16, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        given: torch.Tensor = self.classifier(self.head(self.attention(self.stem(x))).mean((2, 3)))
        return given


@pytest.mark.parametrize(
    ("left_out", "classes", "new"), [((), 4, ""), (("head",), 4, "head"), (("head",), 3, "head, classifier")]
)
def test_what_is_new_is_as_little_as_fits(left_out: tuple[str, ...], classes: int, new: str, tmp_path: Path) -> None:
    given = {k: v for k, v in Flat().state_dict().items() if k.split(".")[0] not in ("attention", *left_out)}
    torch.save(given, tmp_path / "flat.pth")
    model = f"{__name__}:Flat"
    network = load(ModelSource(model, backbone_weights=tmp_path / "flat.pth", input_size=32, num_classes=classes))
    assert network.trained == (not new)
    assert (f"New and untrained: {new}." in " ".join(network.notes)) == bool(new)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"model": "mobilenet_v2"}, ModelError, r"no block of attention.*--weights .*plain\.pth"),
        (
            {"width": 1.0},
            CheckpointError,
            r"(?s)does not fit MobileNetV2.*wrong shape.*check the model's name and --width",
        ),
        ({"model": "mobilenext_ca"}, CheckpointError, r"(?s)does not fit MobileNeXt.*same network without attention"),
        ({"weights": Path("my.pth")}, UsageError, r"--backbone-weights and --weights contradict"),
        ({"random_weights": True}, UsageError, r"--backbone-weights and --random-weights contradict"),
        ({"model": "net.pt2", "width": None}, UsageError, r"own weights and shapes: drop --backbone-weights"),
    ],
)
def test_what_does_not_fit_is_refused(
    plain: Path, fields: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load(source(plain, **fields))


def test_weights_that_have_attention_are_no_backbone(tmp_path: Path) -> None:
    """Theirs would be lost."""
    torch.save(MobileNetV2(CLASSES, WIDTH, attention="ca").state_dict(), tmp_path / "whole.pth")
    with pytest.raises(CheckpointError, match=r"has all weights of mobilenet_v2_ca.*--weights .*whole\.pth"):
        load(source(tmp_path / "whole.pth"))


def test_the_command_names_the_option_of_a_missing_file(tmp_path: Path) -> None:
    command = ["lower", "mobilenet_v2_ca", "--backbone-weights", str(tmp_path / "imagenet.pth")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2
    assert "imagenet.pth does not exist" in done.stderr and "--backbone-weights FILE" in done.stderr


def test_the_manifest_finds_the_backbone_again(plain: Path, tmp_path: Path) -> None:
    (export,) = ca_deploy.export(
        source(plain), formats=["onnx"], calibration="random", held_out=32, output=tmp_path / "out"
    )
    record = export.manifest.model
    assert (record.trained, record.source.weights) == (True, None)
    assert record.source.backbone_weights is not None and not record.source.backbone_weights.is_absolute()
    assert any("open gates" in warning for warning in export.manifest.warnings)
    assert ca_deploy.compare(export.path).status == "pass"
