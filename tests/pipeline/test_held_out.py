"""A file is compared again on the very images of its export, and the manifest says which, from anywhere."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ca_deploy
from ca_deploy.errors import ImageDataError, UsageError
from ca_deploy.records.manifest import manifest_of, manifest_path
from tests.pipeline.kit import TINY

pytestmark = pytest.mark.usefixtures("warm_converters")


def images(folder: Path, count: int) -> Path:
    """Blocks of colour, no two alike."""
    random = np.random.default_rng(count)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        blocks = random.integers(0, 256, (8, 8, 3), np.uint8).repeat(5, 0).repeat(5, 1)
        Image.fromarray(blocks).save(folder / f"{number:03}.png")
    return folder


@pytest.fixture
def exported(tmp_path: Path) -> ca_deploy.Export:
    """In ``project/out``, with photos, weights and labels beside it, all named by absolute paths."""
    project = tmp_path / "project"
    images(project / "photos", 90)
    (project / "labels.txt").write_text("a\nb\nc\nd\ne\n")
    torch.save(ca_deploy.load(TINY).original.state_dict(), project / "net.pth")
    source = replace(
        TINY, model="tests.zoo.tiny:tiny_ca", weights=project / "net.pth", labels=project / "labels.txt", name="tiny"
    )
    (export,) = ca_deploy.export(
        source, formats=["onnx"], int8=True, calibration=str(project / "photos"), output=project / "out"
    )
    return export


def test_parity_uses_the_very_images_of_the_export(exported: ca_deploy.Export) -> None:
    manifest = exported.manifest
    assert manifest.images is not None
    assert manifest.parity.images == len(manifest.images.held_out) == 45
    assert manifest.parity.image_set == "held-out images of photos/"
    again = ca_deploy.compare(exported.path, "tests.zoo.tiny:tiny_ca")
    assert again.images_sha256 == tuple(manifest.images.held_out.values())
    assert replace(again, images_sha256=(), subject="", default_settings=None, inputs=()) == replace(
        manifest.parity, subject="", default_settings=None
    )


def test_nothing_in_the_manifest_says_where_the_exporting_machine_keeps_its_files(
    exported: ca_deploy.Export, tmp_path: Path
) -> None:
    written = manifest_path(exported.path).read_text()
    assert str(tmp_path) not in written
    content = json.loads(written)
    assert (content["model"]["source"]["weights"], content["images"]["place"]) == ("../net.pth", "../photos")


def test_a_project_moves_as_a_whole(exported: ca_deploy.Export, tmp_path: Path) -> None:
    shutil.move(tmp_path / "project", tmp_path / "moved")
    report = ca_deploy.compare(tmp_path / "moved" / "out" / exported.path.name, "tests.zoo.tiny:tiny_ca")
    assert (report.status, report.image_set) == ("pass", "held-out images of photos/")


def test_labels_are_in_the_manifest_wherever_their_file_is(exported: ca_deploy.Export, tmp_path: Path) -> None:
    (tmp_path / "project" / "labels.txt").unlink()
    assert ca_deploy.compare(exported.path, "tests.zoo.tiny:tiny_ca").status == "pass"


def test_the_network_is_evaluated_as_its_file_was_exported(exported: ca_deploy.Export, tmp_path: Path) -> None:
    for name in "abcde":
        images(tmp_path / "labelled" / name, 2)
    weights = ca_deploy.ModelSource(weights=tmp_path / "project" / "net.pth")
    report = ca_deploy.evaluate(exported.path, tmp_path / "labelled", against="tests.zoo.tiny:tiny_ca", source=weights)
    assert report.paired is not None
    assert report.paired.sqnr_db is not None
    assert report.paired.sqnr_db > 15


def test_images_that_moved_or_are_gone(exported: ca_deploy.Export, tmp_path: Path) -> None:
    file, project = exported.path, tmp_path / "project"
    there = (project / "photos").rename(project / "elsewhere")
    with pytest.raises(ImageDataError, match=r"45 held-out images were in photos/.*--images PATH"):
        ca_deploy.compare(file, "tests.zoo.tiny:tiny_ca")
    command = [sys.executable, "-m", "ca_deploy.cli", "parity", str(file), "--against", "tests.zoo.tiny:tiny_ca"]
    done = subprocess.run([*command, "--images", str(there)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "45 held-out images of photos/" in done.stdout
    manifest = manifest_of(file)
    assert manifest is not None
    assert manifest.images is not None
    names = list(manifest.images.held_out)
    for name in names[:5]:
        (there / name).unlink()
    report = ca_deploy.compare(file, "tests.zoo.tiny:tiny_ca", images=there)
    assert report.images == 40
    assert report.image_set.startswith(f"held-out images of photos/ (5 missing: {names[0]}, ")
    for name in names[5:20]:
        (there / name).unlink()
    with pytest.raises(ImageDataError, match=r"Of the 45 images of photos/ .*, 25 are left \(20 missing: .* needs 32"):
        ca_deploy.compare(file, "tests.zoo.tiny:tiny_ca", images=there)


def test_other_images_are_asked_for_by_name_and_named(exported: ca_deploy.Export, tmp_path: Path) -> None:
    report = ca_deploy.compare(exported.path, "tests.zoo.tiny:tiny_ca", calibration="random")
    assert (report.images, report.image_set) == (128, "held-out images of random")
    with pytest.raises(UsageError, match=r"--images .* and --calibration are two sets"):
        ca_deploy.compare(exported.path, "tests.zoo.tiny:tiny_ca", calibration="random", images=tmp_path)


def test_few_photos_are_not_replaced_by_others(tmp_path: Path) -> None:
    (export,) = ca_deploy.export(
        TINY, formats=["onnx"], calibration=str(images(tmp_path / "few", 12)), output=tmp_path / "out"
    )
    parity = export.manifest.parity
    assert parity.status != "pass"
    assert (parity.images, parity.image_set) == (6, "held-out images of few/")
    assert any("Of the 12 images in few/, 6 are held out" in warning for warning in export.manifest.warnings)


def test_one_photo_is_no_reason_to_crash(tmp_path: Path) -> None:
    folder = str(images(tmp_path / "one", 1))
    (export,) = ca_deploy.export(TINY, formats=["onnx"], calibration=folder, output=tmp_path / "out")
    assert (export.manifest.parity.status, export.manifest.parity.images) == ("skipped", 0)
    assert "no image is held out" in export.manifest.parity.reason


def test_more_can_be_held_out(tmp_path: Path) -> None:
    request = {"formats": ["onnx"], "calibration": "random", "output": tmp_path}
    (export,) = ca_deploy.export(TINY, held_out=150, **request)  # type: ignore[arg-type]
    assert export.manifest.parity.images == 150
    with pytest.raises(UsageError, match=r"--held-out 10: a verdict on parity needs 32"):
        ca_deploy.export(TINY, held_out=10, **request)  # type: ignore[arg-type]


def test_doubtful_images_are_said_of_the_part_that_they_are_in(tmp_path: Path) -> None:
    folder = images(tmp_path / "frames", 1)
    frame = np.asarray(Image.open(folder / "000.png")).astype(int)
    random = np.random.default_rng(0)
    for number in range(79):
        noisy = (frame + random.normal(0, 3, frame.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{number + 1:03}.png")
    (float_file, int8_file) = ca_deploy.export(
        TINY, recipes=["onnx_float32", "onnx_static_wi8_ai8"], calibration=str(folder), output=tmp_path / "out"
    )
    held_out = "40 of the 40 held-out images are nearly identical to another one"
    calibration = "40 of the 40 calibration images are nearly identical to another one"
    for export, said in ((float_file, (True, False)), (int8_file, (True, True))):
        warnings = " ".join(export.manifest.warnings)
        assert (held_out in warnings, calibration in warnings) == said
