"""Networks that take other images than square RGB, and give other tensors than logits, go the whole way."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ca_deploy
from ca_deploy import ModelSource
from ca_deploy.errors import UsageError
from ca_deploy.evaluation.predictor import open_predictor
from ca_deploy.pipeline.request import requested

pytestmark = pytest.mark.usefixtures("warm_converters")

GREY = ModelSource("tests.zoo.shapes:grey_unet", input_size=(48, 80), channels="grey", fit="letterbox")
WIDE = ModelSource("tests.zoo.shapes:keypoints", input_size=(40, 72), channels="BGR", value_range=255)
FORMATS = ("onnx", "tflite", "coreml")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[ca_deploy.Export]]:
    out = tmp_path_factory.mktemp("shapes")
    return {
        name: ca_deploy.export(source, formats=FORMATS, int8=True, calibration="random", output=out)
        for name, source in (("grey", GREY), ("wide", WIDE))
    }


@pytest.mark.parametrize("name", ["grey", "wide"])
def test_every_format_takes_it_and_gives_what_pytorch_gives(
    exported: dict[str, list[ca_deploy.Export]], name: str
) -> None:
    for export in exported[name]:
        found = export.manifest.parity
        assert found.status == "pass", f"{export.path}: {found.reason}"
        assert found.agreement is None
        assert export.manifest.task == "tensors"
        assert export.manifest.outputs[0].shape == ((1, 2, 48, 80) if name == "grey" else (1, 7, 2))
        assert ca_deploy.compare(export.path, GREY if name == "grey" else WIDE).status == "pass"


def test_the_manifest_says_how_a_photo_becomes_the_input(exported: dict[str, list[ca_deploy.Export]]) -> None:
    grey, wide = (exported[name][0].manifest.preprocessing for name in ("grey", "wide"))
    assert (grey.crop, grey.fit, grey.channels, len(grey.mean)) == ((48, 80), "letterbox", "grey", 1)
    assert (wide.crop, wide.channels, wide.value_range, wide.mean) == ((40, 72), "BGR", 255, (0.0, 0.0, 0.0))


def test_a_file_gets_the_same_input_as_the_network(exported: dict[str, list[ca_deploy.Export]]) -> None:
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8))
    for name, source in (("grey", GREY), ("wide", WIDE)):
        network = ca_deploy.load(source)
        (taken,) = network.signature.inputs
        assert taken.preprocessing is not None
        pixels = taken.preprocessing.to_pixels(photo)[None]
        expected = taken.preprocessing.normalise(pixels)
        for export in exported[name]:
            predictor = open_predictor(export.path)
            assert predictor.signature == network.signature
            ((name, fed),) = predictor.feeds({taken.name: pixels}).items()
            assert name == predictor.inputs[taken.name].name
            planes = fed if predictor.inputs[taken.name].layout == "NCHW" else np.moveaxis(fed, -1, 1)
            assert np.array_equal(planes, expected)


def test_another_networks_files_are_not_replaced(exported: dict[str, list[ca_deploy.Export]]) -> None:
    folder = exported["grey"][0].path.parent
    other = ModelSource("tests.zoo.tiny:tiny_trained", input_size=32, name="grey_unet")
    with pytest.raises(UsageError, match=r"made from another network, tests\.zoo\.shapes:grey_unet.*--name"):
        requested(other, ["onnx_static_wi8_ai8"], folder)
    assert requested(GREY, ["onnx_static_wi8_ai8"], folder).source == GREY


@pytest.mark.parametrize("recipe", ["onnx_static_wi8_ai8_uint8rgb_io", "coreml_float16_uint8rgb_io"])
def test_a_camera_recipe_is_refused_for_other_channels(recipe: str, tmp_path: Path) -> None:
    with pytest.raises(ca_deploy.CaDeployError, match="takes an RGB picture, and grey_unet takes grey"):
        ca_deploy.export(GREY, recipes=[recipe], calibration="random", output=tmp_path)
    assert not any(path.suffix in (".onnx", ".mlpackage") for path in tmp_path.iterdir())


def test_an_embedding_is_judged_by_its_direction_and_what_cannot_be_quantised_stays_float(tmp_path: Path) -> None:
    source = ModelSource("tests.zoo.shapes:embedding", input_size=32, task="embedding")
    for export in ca_deploy.export(source, formats=FORMATS, int8=True, calibration="random", output=tmp_path):
        found = export.manifest.parity
        assert (found.status, found.agreement) == ("pass", None), f"{export.path}: {found.reason}"
        assert found.cosine is not None
        assert found.cosine > 0.99
        if export.manifest.format == "tflite":
            reasons = {item.operator: item.reason for item in export.manifest.float_operators}
            assert "ai-edge-quantizer" in reasons["MAXIMUM"]
            assert "fails on it: Ranks of scales" in reasons["MAXIMUM"]
