"""INT8 ONNX files are judged by the arithmetic of ARM, whatever this machine's processor is.

ONNX Runtime's default settings add INT8 products in saturating 16 bits on x86 without VNNI.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import ca_deploy
from ca_deploy.data.calibration import NOT_YOUR_DOMAIN, load_calibration, load_spec
from ca_deploy.devices import open_device
from ca_deploy.evaluation import metrics
from ca_deploy.evaluation.predictor import open_predictor
from ca_deploy.pipeline.export import Export
from ca_deploy.records.model import ModelSource
from ca_deploy.runtimes._exact_sums import default_saturates
from tests.devices.kit import Kit
from tests.haswell import python_on_haswell
from tests.reference.one_inference import command_for

PHOTOS = 8

_ANSWER = """
import numpy as np
from pathlib import Path
from ca_deploy.runtimes import open_session
images = np.load(sys.argv[2])
answers = {}
for name, runtime in {"exact": "onnxruntime", "default": "onnxruntime:default"}.items():
    session = open_session(Path(sys.argv[1]), runtime)
    (image,), (logits,) = session.inputs, session.outputs
    answers[name] = np.concatenate([session.run({image.name: i[None]})[logits.name] for i in images])
np.savez(sys.argv[3], **answers)
"""


@pytest.fixture(scope="module")
def images(reference_exports: dict[str, Export]) -> NDArray[np.float32]:
    predictor = open_predictor(reference_exports["onnx_static_wi8_ai8"].path)
    photos = load_calibration(load_spec(NOT_YOUR_DOMAIN), predictor.signature).held_out.first(PHOTOS)
    return np.concatenate([predictor.feeds(rows)["image"] for rows in photos.batches()])


@pytest.fixture(scope="module")
def answers(reference_exports: dict[str, Export], images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Those of the bundled network's INT8 file, on this machine."""
    session = open_predictor(reference_exports["onnx_static_wi8_ai8"].path).session
    return np.concatenate([session.run({"image": image[None]})["logits"] for image in images])


def on_arm(processor: str, model: Path, images: NDArray[np.float32], folder: Path) -> NDArray[np.float32]:
    """What ONNX Runtime's ARM library answers to the same images, under QEMU."""
    answers = []
    place = folder / "image.bin"
    place.write_bytes(images[0].tobytes())
    with open_device(f"emulated:{processor}") as device:
        argv = command_for(device, "onnxruntime", model, place)
        for image in images:
            place.write_bytes(image.tobytes())  # an emulated device reads it in place
            done = device.run(argv, 300)
            assert done.returncode == 0, done.stderr
            device.pull(f"{device.scratch()}/answer0.bin", folder / "answer.bin")
            answers.append(np.frombuffer((folder / "answer.bin").read_bytes(), np.float32))
    return np.stack(answers)


@pytest.mark.parametrize("processor", ["cortex-a53", "cortex-a76"])
def test_static_int8_gives_the_answers_of_arm_to_the_bit(
    arm_kit: Kit,
    reference_exports: dict[str, Export],
    images: NDArray[np.float32],
    answers: NDArray[np.float32],
    tmp_path: Path,
    processor: str,
) -> None:
    there = on_arm(processor, reference_exports["onnx_static_wi8_ai8"].path, images, tmp_path)
    np.testing.assert_array_equal(there, answers)


def test_a_processor_without_vnni_gives_the_same_answers_and_not_by_default(
    reference_exports: dict[str, Export], images: NDArray[np.float32], answers: NDArray[np.float32], tmp_path: Path
) -> None:
    np.save(tmp_path / "images.npy", images)
    arguments = [reference_exports["onnx_static_wi8_ai8"].path, tmp_path / "images.npy", tmp_path / "answers.npz"]
    done = python_on_haswell(_ANSWER, arguments, tmp_path)
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "answers.npz")
    np.testing.assert_array_equal(found["exact"], answers)
    assert metrics.sqnr_db(answers, found["default"]) < 20  # otherwise this test would prove nothing


@pytest.mark.skipif(default_saturates(), reason="this processor has neither VNNI nor AMX")
def test_with_vnni_the_default_settings_are_as_good_and_nothing_is_said(reference_exports: dict[str, Export]) -> None:
    export = reference_exports["onnx_static_wi8_ai8"]
    assert export.manifest.parity.default_settings is None
    assert not [warning for warning in export.manifest.warnings if "default settings" in warning]
    exact = ca_deploy.compare(export.path)
    default = ca_deploy.compare(export.path, runtime="onnxruntime:default")
    assert (exact.status, default.status) == ("pass", "pass")
    assert exact.sqnr_db is not None
    assert default.sqnr_db == pytest.approx(exact.sqnr_db, abs=2)  # without VNNI it loses 12 dB


def test_exports_on_a_processor_without_vnni_have_the_same_verdicts_and_figures(arm_kit: Kit, tmp_path: Path) -> None:
    """Every process of the export runs there: calibration, bias correction, verification."""
    recipes = ["onnx_static_wi8_ai8", "onnx_dynamic_wi8_afp32"]
    source = ModelSource("tests.zoo.tiny:tiny_trained", input_size=32)
    exports = ca_deploy.export(source, recipes=recipes, output=tmp_path)
    here = {export.manifest.recipe.name: export for export in exports}
    code = "from ca_deploy.cli import main; main()"
    options = [part for recipe in recipes for part in ("--recipe", recipe)]
    arguments = ["export", source.model, "--input-size", "32", *options, "--output", str(tmp_path / "there"), "--json"]
    done = python_on_haswell(code, arguments, tmp_path)
    assert done.returncode == 0, done.stderr
    for found in json.loads(done.stdout):
        manifest = found["manifest"]
        export = here[manifest["recipe"]["name"]]
        assert found["status"] == export.manifest.parity.status == "pass"
        assert export.manifest.parity.sqnr_db is not None
        assert found["sqnr_db"] == pytest.approx(export.manifest.parity.sqnr_db, abs=0.3)
        assert found["agreement"] == export.manifest.parity.agreement
        assert manifest["session_settings"] == export.manifest.session_settings != {}
        assert manifest["parity"]["default_settings"]["worse"]
        (note,) = [warning for warning in manifest["warnings"] if "default settings" in warning]
        (setting,) = export.manifest.session_settings
        assert f"set the session option {setting} = 1" in note
    file = tmp_path / "there" / here["onnx_static_wi8_ai8"].path.name
    done = python_on_haswell(code, ["parity", file, "--against", file], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "exact INT8 sums" in done.stdout
    assert "set the session option" in " ".join(done.stdout.replace("│", " ").split())
    dynamic = here["onnx_dynamic_wi8_afp32"].path
    predictor = open_predictor(dynamic)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
    feeds = predictor.feeds({"image": pixels})
    answer = predictor.session.run(feeds)["logits"]
    assert metrics.sqnr_db(on_arm("cortex-a76", dynamic, feeds["image"], tmp_path), answer) > 60
