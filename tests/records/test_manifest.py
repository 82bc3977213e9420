"""A manifest reads back as it was written, and one that cannot be trusted is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ca_deploy.errors import ArtifactError, UsageError
from ca_deploy.evaluation.predictor import open_predictor
from ca_deploy.files import sha256_of, size_of
from ca_deploy.formats import find_format
from ca_deploy.recipes import load_recipe
from ca_deploy.records.codec import to_json
from ca_deploy.records.compat import Verdict
from ca_deploy.records.conversion import FloatOperator
from ca_deploy.records.image_set import ImageSet
from ca_deploy.records.lowering import Lowering
from ca_deploy.records.manifest import (
    SCHEMA_VERSION,
    CalibrationRecord,
    Manifest,
    ModelRecord,
    SpeedRecord,
    manifest_of,
    manifest_path,
)
from ca_deploy.records.model import ModelSource
from ca_deploy.records.parity import ParityReport, Status
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.signature import NetworkInput
from ca_deploy.records.tensors import TensorSpec
from tests.samples import samples_of, signature_of

HERE = Path(__file__).parent


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "net.tflite_static_wi8_ai8.tflite"
    path.write_bytes(b"a model, as far as a manifest is concerned")
    return path


def manifest_for(model_file: Path) -> Manifest:
    recipe = load_recipe("tflite_static_wi8_ai8")
    source = ModelSource("package.module:net", weights=Path("/data/net.pth"), mean=(0.5, 0.4, 0.3), width=0.5)
    return Manifest(
        schema_version=SCHEMA_VERSION,
        ca_deploy_version="0.1.0",
        file=model_file.name,
        sha256=sha256_of(model_file),
        size_bytes=42,
        float32_size_bytes=168,
        format="tflite",
        model=ModelRecord("net", source, "c0ffee", "native", True, 1000),
        recipe=recipe,
        calibration=CalibrationRecord("mine", "own photos", 2, False),
        inputs=(TensorSpec("image", (1, 32, 32, 3), "int8", "NHWC", 0.02, -3),),
        outputs=(TensorSpec("logits", (1, 2), "float32", "NC"),),
        signature=signature_of(Preprocessing(36, 32, (0.5, 0.4, 0.3)), classes=2),
        labels=("daisy", "Löwenzahn"),
        operators={"CONV_2D": 7},
        float_operators=(FloatOperator("HARD_SWISH", 1, "no kernel"),),
        lowering=Lowering(),
        parity=ParityReport(
            Status.PASS, "", "net", "PyTorch net", "LiteRT", recipe.tolerances, 32, 0.1, 22.5, 0.999, 100.0
        ),
        speed=SpeedRecord(1.5, 3.0, 50, 1, "x86_64"),
        tools={"torch": "2"},
        warnings=("few images",),
        images=ImageSet(
            name="mine",
            source="folder",
            domain="own photos",
            place=Path("../mine"),
            calibration={"a.jpg": "aa", "b.jpg": "bb"},
            held_out={"c.jpg": "cc"},
        ),
    )


def test_manifest_reads_back_equal(model_file: Path) -> None:
    full = manifest_for(model_file)
    bare = replace(full, calibration=None, labels=None, speed=None)
    for manifest in (full, bare):
        manifest_path(model_file).write_text(to_json(manifest), encoding="utf-8")
        assert manifest_of(model_file) == manifest


def test_a_file_without_manifest_has_none(model_file: Path) -> None:
    assert manifest_of(model_file) is None


def test_a_file_that_changed_since_is_refused(model_file: Path) -> None:
    manifest_path(model_file).write_text(to_json(manifest_for(model_file)))
    model_file.write_bytes(b"another model")
    with pytest.raises(ArtifactError, match=r"sha256 differs.*export again"):
        manifest_of(model_file)


def test_a_newer_schema_is_refused(model_file: Path) -> None:
    manifest = replace(manifest_for(model_file), schema_version=SCHEMA_VERSION + 1)
    manifest_path(model_file).write_text(to_json(manifest))
    with pytest.raises(ArtifactError, match=f"schema version {SCHEMA_VERSION + 1}"):
        manifest_of(model_file)


@pytest.mark.parametrize("damage", ["cut short", "empty", "no object", "a key less", "impossible value", "wrong type"])
def test_a_damaged_manifest_is_named(model_file: Path, damage: str) -> None:
    content = to_json(manifest_for(model_file))
    changed = json.loads(content)
    if damage == "a key less":
        del changed["recipe"]["mode"]
    elif damage == "impossible value":
        changed["signature"]["inputs"][0]["preprocessing"]["crop"] = 0
    elif damage == "wrong type":
        changed["inputs"] = 5
    texts = {"cut short": content[:200], "empty": "", "no object": "[1]"}
    manifest_path(model_file).write_text(texts.get(damage, json.dumps(changed)))
    with pytest.raises(ArtifactError, match="is damaged") as error:
        manifest_of(model_file)
    assert str(manifest_path(model_file)) in str(error.value)


@pytest.mark.parametrize(
    ("name", "suffix", "options"),
    [
        ("onnx", ".onnx", {"opset": 18}),
        ("coreml", ".mlpackage", {"deployment_target": "iOS17"}),
        ("tflite", ".tflite", {}),
    ],
)
def test_what_0_1_0_wrote_is_still_used(name: str, suffix: str, options: dict[str, object], tmp_path: Path) -> None:
    """Files and manifests in this folder are real ones, exported by the package as it was then."""
    written = HERE / f"manifest_0.1.0_{name}.json"
    path = tmp_path / json.loads(written.read_text())["file"]
    model = HERE / f"model_0.1.0_{name}{suffix}"
    (shutil.copytree if model.is_dir() else shutil.copy)(model, path)
    shutil.copy(written, manifest_path(path))
    manifest = manifest_of(path)
    assert manifest is not None
    assert (manifest.ca_deploy_version, manifest.recipe.options, manifest.recipe.layer) == ("0.1.0", options, ())
    assert manifest.parity.status is Status.PASS
    assert (manifest.task, manifest.labels) == (None, ("daisy", "dandelion", "roses", "sunflowers", "tulips"))
    for report in manifest.compatibility:
        assert {type(found.verdict) for found in report.findings} <= {Verdict}
    assert find_format(name).code_for(manifest).keys() == {".py", ".swift" if name == "coreml" else ".kt"}
    (taken,), (given,) = manifest.signature.inputs, manifest.signature.outputs
    assert (taken.name, taken.shape, taken.preprocessing) == ("image", (1, 3, 32, 32), manifest.preprocessing)
    assert (given.name, given.shape, given.activation) == ("logits", (1, 5), "none")
    predictor = open_predictor(path)
    assert predictor.run(samples_of(np.zeros((1, 32, 32, 3), np.uint8)))["logits"].shape == (1, 5)
    manifest_path(path).write_text(to_json(manifest))
    assert manifest_of(path) == manifest


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        (Preprocessing(36, 32), (1, 3, 32, 32)),
        (Preprocessing(36, (24, 32), (0.5,), (0.2,), channels="grey"), (1, 1, 24, 32)),
    ],
)
def test_the_schema_of_one_image_and_one_output_is_read(
    model_file: Path, given: Preprocessing, shape: tuple[int, ...]
) -> None:
    wanted = manifest_for(model_file)
    content = json.loads(to_json(wanted))
    del content["signature"]
    content |= {"schema_version": 2, "preprocessing": json.loads(to_json(given))}
    _as_before_image_sets(content)
    manifest_path(model_file).write_text(json.dumps(content))
    found = manifest_of(model_file)
    assert found is not None
    assert found.preprocessing == given
    assert found.signature.inputs == (NetworkInput("image", shape, preprocessing=given),)
    early = ImageSet("mine", None, calibration={"aa": "aa", "bb": "bb"}, held_out={"cc": "cc"})
    assert replace(found, signature=wanted.signature) == replace(wanted, images=early)
    for key, value, said in (
        ("preprocessing", None, "signature"),
        ("inputs", 5, "inputs"),
        ("outputs", [3], "outputs"),
    ):
        manifest_path(model_file).write_text(json.dumps({**content, key: value}))
        with pytest.raises(ArtifactError, match=rf"is damaged(.|\n)*{said}"):
            manifest_of(model_file)


def _as_before_image_sets(content: dict[str, Any]) -> None:
    """Change what this version writes to what those before schema version 4 did."""
    for part, key in (("calibration", "calibration"), ("parity", "held_out")):
        content[part]["images_sha256"] = list(content["images"][key].values())
    del content["images"], content["calibration"]["images"]


def test_schema_3_has_the_hashes_in_two_places(model_file: Path) -> None:
    wanted = manifest_for(model_file)
    content = json.loads(to_json(wanted))
    _as_before_image_sets(content)
    manifest_path(model_file).write_text(json.dumps({**content, "schema_version": 3}))
    found = manifest_of(model_file)
    assert found is not None
    assert found.images == ImageSet("mine", None, calibration={"aa": "aa", "bb": "bb"}, held_out={"cc": "cc"})
    assert replace(found, images=wanted.images) == wanted
    bare = {**content, "schema_version": 3, "calibration": None}
    manifest_path(model_file).write_text(json.dumps(bare))
    found = manifest_of(model_file)
    assert found is not None
    assert found.images == ImageSet("", None, held_out={"cc": "cc"})


def test_what_an_app_needs_comes_first_and_the_long_list_of_images_last(model_file: Path) -> None:
    keys = list(json.loads(to_json(manifest_for(model_file))))
    assert keys[4:8] == ["inputs", "outputs", "signature", "labels"]
    assert keys[-1] == "images"
    assert list(json.loads(to_json(manifest_for(model_file)))["images"])[-2:] == ["calibration", "held_out"]


def test_a_network_of_several_inputs_has_no_preprocessing_of_its_own(model_file: Path) -> None:
    manifest = manifest_for(model_file)
    signature = replace(manifest.signature, inputs=(*manifest.signature.inputs, NetworkInput("state", (1, 4))))
    with pytest.raises(UsageError, match=rf"{model_file.name} needs a network that takes one photo"):
        _ = replace(manifest, signature=signature).preprocessing


def test_a_folder_is_hashed_and_measured_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "a.mlpackage"
    (folder / "Data").mkdir(parents=True)
    (folder / "Manifest.json").write_text("{}")
    (folder / "Data" / "weights").write_bytes(b"1234")
    first = sha256_of(folder)
    assert size_of(folder) == 6
    (folder / "Data" / "weights").rename(folder / "Data" / "moved")
    moved = sha256_of(folder)
    (folder / "Data" / "moved").write_bytes(b"1235")
    assert len({first, moved, sha256_of(folder)}) == 3
