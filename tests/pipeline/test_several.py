"""Networks of several inputs and outputs go the whole way: every format, samples of their own, and again from files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ca_deploy
from ca_deploy import ModelSource
from ca_deploy.evaluation.predictor import open_predictor
from ca_deploy.records.input_wish import input_wish

pytestmark = pytest.mark.usefixtures("warm_converters")

FORMATS = ("onnx", "tflite", "coreml")
STATE = ModelSource("tests.zoo.inputs:photo_and_state", inputs=(input_wish("photo=image:24x40"), input_wish("state=6")))
PHOTOS = ModelSource(
    "tests.zoo.inputs:two_photos", inputs=(input_wish("one=image:16x24:grey"), input_wish("other=image:20:grey"))
)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("samples") / "samples.npz"
    random = np.random.default_rng(0)
    np.savez(
        path,
        photo=random.integers(0, 256, (160, 24, 40, 3), np.uint8),
        state=random.normal(size=(160, 6)).astype(np.float32),
    )
    return path


@pytest.fixture(scope="module")
def exported(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ca_deploy.Export]:
    recipes = [f"{name}_{mode}" for name in FORMATS for mode in ("float32", "static_wi8_ai8")]
    done = ca_deploy.export(STATE, recipes=recipes, calibration=str(samples), output=tmp_path_factory.mktemp("state"))
    return {export.manifest.recipe.name: export for export in done}


@pytest.mark.parametrize("name", FORMATS)
def test_float_files_of_a_photo_and_a_tensor_pass(exported: dict[str, ca_deploy.Export], name: str) -> None:
    export = exported[f"{name}_float32"]
    found = export.manifest.parity
    assert found.status == "pass", found.reason
    assert [one.name for one in found.outputs] == ["boxes", "scores"]
    signature = export.manifest.signature
    assert [(taken.name, taken.shape) for taken in signature.inputs] == [("photo", (1, 3, 24, 40)), ("state", (1, 6))]
    assert [(given.name, given.shape, given.activation) for given in signature.outputs] == [
        ("boxes", (1, 4, 4), "none"),
        ("scores", (1, 4), "softmax"),
    ]
    code = {".py", ".swift" if name == "coreml" else ".kt"}
    assert code <= {path.suffix for path in export.path.parent.glob(f"{export.path.stem}.*")}


@pytest.mark.parametrize("name", FORMATS)
def test_integer_files_are_calibrated_on_the_samples(exported: dict[str, ca_deploy.Export], name: str) -> None:
    manifest = exported[f"{name}_static_wi8_ai8"].manifest
    assert manifest.calibration is not None
    assert (manifest.calibration.name, manifest.calibration.domain) == ("samples", "own samples")
    assert manifest.images is not None
    assert manifest.calibration.images == len(manifest.images.calibration) == 80
    assert manifest.parity.image_set == "held-out images of samples.npz"
    for output in manifest.parity.outputs:
        assert output.sqnr_db is not None
        assert output.sqnr_db > 15


def test_it_can_be_compared_again_on_the_samples_and_on_saved_ones(
    exported: dict[str, ca_deploy.Export], samples: Path, tmp_path: Path
) -> None:
    file = exported["onnx_float32"].path
    first = ca_deploy.compare(file, STATE, calibration=str(samples), save_inputs=tmp_path / "seen.npz")
    again = ca_deploy.compare(file, STATE, load_inputs=tmp_path / "seen.npz")
    assert again.image_set == "samples in seen.npz"
    assert (first.status, replace(again, image_set=first.image_set)) == ("pass", first)
    assert ca_deploy.compare(exported["tflite_float32"].path, file, calibration=str(samples)).status == "pass"


def test_arrays_say_what_the_inputs_are(samples: Path, tmp_path: Path) -> None:
    source = ModelSource(STATE.model, input_size=(24, 40))
    (export,) = ca_deploy.export(source, formats="onnx", calibration=str(samples), output=tmp_path)
    assert export.manifest.parity.status == "pass"
    assert export.manifest.signature == ca_deploy.load(STATE).signature


@pytest.mark.parametrize("batch", [1, 3])
def test_two_photos_in_every_format(batch: int, tmp_path: Path) -> None:
    for export in ca_deploy.export(PHOTOS, formats=FORMATS, calibration="random", batch=batch, output=tmp_path):
        assert export.manifest.parity.status == "pass", f"{export.path}: {export.manifest.parity.reason}"
        assert export.manifest.inputs[0].shape[0] == batch
        predictor = open_predictor(export.path)
        assert (predictor.batch, list(predictor.inputs), list(predictor.outputs)) == (
            batch,
            ["one", "other"],
            ["map", "classes"],
        )


def test_a_network_in_memory_of_several_inputs(samples: Path, tmp_path: Path) -> None:
    from tests.zoo.inputs import photo_and_state

    source = ModelSource(inputs=STATE.inputs, name="mine")
    for export in ca_deploy.export(
        photo_and_state(), source=source, formats=FORMATS, calibration=str(samples), output=tmp_path
    ):
        assert export.manifest.parity.status == "pass", f"{export.path}: {export.manifest.parity.reason}"
        assert [given.name for given in export.manifest.signature.outputs] == ["boxes", "scores"]
