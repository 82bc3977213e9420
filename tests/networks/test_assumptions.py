"""What nobody said is assumed aloud, with the option that changes it; what somebody said is not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from ca_deploy.networks.checkpoint import save_checkpoint
from ca_deploy.networks.source import load
from ca_deploy.records.input_wish import input_wish
from ca_deploy.records.model import ModelSource
from tests.zoo.tiny import tiny_trained

MODEL = "tests.zoo.tiny:tiny_trained"
MEAN_AND_STD = "mean 0.485 0.456 0.406 and std 0.229 0.224 0.225, as of ImageNet (--mean, --std)"
SIZE = "images of 224x224 px (--input-size)"
CENTRE = "the centre of a photo scaled to cover 256x256 px (--fit, --resize)"
CHANNELS = "channels RGB (--channels)"
RANGE = "pixels in 0..1 before mean and std (--value-range)"


def _assumed(model: str = MODEL, **given: Any) -> tuple[str, ...]:
    return load(ModelSource(model, **given)).assumptions


def test_all_of_it_where_nothing_was_said() -> None:
    assert _assumed() == (MEAN_AND_STD, SIZE, CENTRE, CHANNELS, RANGE)


def test_what_was_said_is_not_assumed() -> None:
    assert _assumed(mean=(0.5, 0.5, 0.5))[0] == "std 0.229 0.224 0.225, as of ImageNet (--std)"
    assert SIZE not in _assumed(input_size=224)
    assert "the centre of a photo (--fit)" in _assumed(resize=256)
    given: dict[str, Any] = {"mean": (0, 0, 0), "std": (1, 1, 1), "input_size": 32, "fit": "stretch"}
    assert _assumed(**given, channels="BGR", value_range=255) == ()
    raw = "mean 0 0 0 and std 1 1 1 (--mean, --std)"
    assert _assumed(value_range=255)[0] == raw


def test_what_a_checkpoint_carries_is_not_assumed(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    carried = {"resize": 40, "crop": 32, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2]}
    save_checkpoint(tiny_trained(), path, {"preprocessing": carried})
    assert _assumed(weights=path) == ()
    save_checkpoint(tiny_trained(), path, {"preprocessing": {"resize": 40, "crop": 32}})
    assert _assumed(weights=path) == (MEAN_AND_STD,)


def test_the_bundled_network_is_known_and_another_of_its_kind_has_its_size() -> None:
    assert _assumed("mobilenet_v2_ca") == ()
    assert SIZE not in _assumed("mobilenet_v2_ca", random_weights=True)


def test_what_only_some_images_are_assumed_to_be_names_them() -> None:
    inputs = (input_wish("one=image:16x24:grey"), input_wish("other=image:grey"))
    said = _assumed("tests.zoo.inputs:two_photos", inputs=inputs, mean=(0, 0, 0), std=(1, 1, 1), value_range=1)
    assert f"other: {SIZE}" in said
    assert not any(clause.startswith("channels") for clause in said)


def test_a_tensor_that_is_no_image_needs_none() -> None:
    source = ModelSource("tests.zoo.inputs:photo_and_state", inputs=(input_wish("photo=image:24x40"),))
    source = replace(source, inputs=(*source.inputs, input_wish("state=6")))
    assert not any("state" in clause for clause in load(source).assumptions)
