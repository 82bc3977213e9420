"""The bundled, trained network, exported as the README says: accurate, small, and the same bytes every time."""

import subprocess
import sys
from pathlib import Path

import pytest

import ca_deploy
from ca_deploy.pipeline.export import Export

INT8 = ["tflite_static_wi8_ai8", "onnx_static_wi8_ai8"]


@pytest.mark.parametrize("recipe", ["tflite_float32", "onnx_float32"])
def test_float32_files_compute_what_pytorch_computes(reference_exports: dict[str, Export], recipe: str) -> None:
    parity = reference_exports[recipe].manifest.parity
    assert parity.status == "pass"
    assert parity.images >= 128
    assert parity.image_set == "held-out images of distilled_flowers5"
    assert parity.max_abs_error is not None
    assert parity.max_abs_error <= 1e-4


@pytest.mark.parametrize(("recipe", "largest_share"), [(INT8[0], 0.36), (INT8[1], 0.34)])
def test_int8_files_pass_and_are_small(reference_exports: dict[str, Export], recipe: str, largest_share: float) -> None:
    manifest = reference_exports[recipe].manifest
    assert manifest.parity.status == "pass"
    assert manifest.size_bytes <= largest_share * manifest.float32_size_bytes
    assert manifest.calibration is not None
    assert manifest.images is not None
    assert not set(manifest.images.calibration.values()) & set(manifest.images.held_out.values())
    assert (manifest.calibration.images, len(manifest.images.calibration)) == (128, 128)
    assert not any("far from what" in warning or "nearly" in warning for warning in manifest.warnings)


@pytest.mark.parametrize("recipe", INT8)
def test_int8_keeps_the_accuracy_on_real_photos(
    reference_exports: dict[str, Export], flowers: Path, recipe: str
) -> None:
    report = ca_deploy.evaluate(reference_exports[recipe].path, flowers / "val", against="mobilenet_v2_ca")
    assert report.paired is not None
    assert report.paired.against_top1 >= 94.5
    assert report.paired.top1_difference >= -1.5
    assert report.paired.agreement is not None
    assert report.paired.agreement >= 98
    assert report.paired.sqnr_db is not None
    assert report.paired.sqnr_db >= 17


def test_the_demo_command_writes_byte_identical_files_from_another_place(
    reference_exports: dict[str, Export], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "ca_deploy.cli", "export", "--format", "tflite", "--int8", "--output", "elsewhere"]
    subprocess.run(command, cwd=tmp_path, check=True)
    first = reference_exports["tflite_static_wi8_ai8"].path
    assert (tmp_path / "elsewhere" / first.name).read_bytes() == first.read_bytes()


@pytest.mark.parametrize("runtime", ["litert:builtin", "litert:reference", "tensorflow", "tensorflow:reference"])
def test_parity_holds_in_every_tflite_runtime(reference_exports: dict[str, Export], runtime: str) -> None:
    command = [sys.executable, "-m", "ca_deploy.cli", "parity", "--runtime", runtime]
    done = subprocess.run([*command, reference_exports["tflite_static_wi8_ai8"].path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_python_snippet_classifies_a_photo(reference_exports: dict[str, Export], tmp_path: Path) -> None:
    import skimage.data
    from PIL import Image

    Image.fromarray(skimage.data.coffee()).save(tmp_path / "photo.png")
    first = {}
    for recipe, export in reference_exports.items():
        command = [sys.executable, str(export.path.with_suffix(".py")), str(tmp_path / "photo.png")]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        first[recipe] = printed.split()[1]
    assert export.manifest.labels is not None
    assert first["tflite_float32"] == first["onnx_float32"]  # INT8 may differ on a photo that shows no flower
    assert set(first.values()) <= set(export.manifest.labels)
