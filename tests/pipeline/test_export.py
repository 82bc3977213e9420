"""Every shipped recipe makes a verified file of a small network; what is written is whole and complete."""

import ast
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ca_deploy
from ca_deploy import ModelSource
from ca_deploy.data.images import open_rgb
from ca_deploy.errors import ArtifactError, OutputError, RuntimeUnavailable, UsageError
from ca_deploy.evaluation.predictor import open_predictor
from ca_deploy.pipeline.export import Export
from ca_deploy.records.manifest import manifest_of
from ca_deploy.shipped import data_folder
from tests.hostile import CANARY, TEXTS, classify, payloads
from tests.pipeline.kit import RECIPES, TINY
from tests.samples import samples_of
from tests.system_tools import program

APP_SUFFIX = {".mlpackage": ".swift"}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_makes_a_verified_file_and_its_companions(exports: dict[str, Export], name: str) -> None:
    export = exports[name]
    assert export.manifest.parity.status == "pass", export.manifest.parity.reason
    suffix = {"coreml": "mlpackage"}.get(name.partition("_")[0], name.partition("_")[0])
    assert export.path.name == f"tiny_trained.{name}.{suffix}"
    assert manifest_of(export.path) == manifest_of(export.path)
    assert export.log.is_file()
    ast.parse(export.path.with_suffix(".py").read_text())
    app = export.path.with_suffix(APP_SUFFIX.get(export.path.suffix, ".kt")).read_text()
    assert app.count("{") == app.count("}")
    assert "$" not in app.replace("$0", "")


def test_nothing_else_is_left_in_the_output_folder(exports: dict[str, Export]) -> None:
    folder = next(iter(exports.values())).path.parent
    expected = {
        f"{e.path.stem}{suffix}"
        for e in exports.values()
        for suffix in (e.path.suffix, ".json", ".py", APP_SUFFIX.get(e.path.suffix, ".kt"), ".log")
    }
    assert {path.name for path in folder.iterdir()} == expected


def test_integer_recipes_say_what_stayed_float(exports: dict[str, Export]) -> None:
    dynamic = exports["onnx_dynamic_wi8_afp32"].manifest.float_operators
    assert any(found.operator == "Conv" and found.reason for found in dynamic)
    assert not any(found.operator == "CONV_2D" for found in exports["tflite_static_wi8_ai8"].manifest.float_operators)


def test_integer_input_and_output_are_described(exports: dict[str, Export]) -> None:
    for name in ("tflite_static_wi8_ai8_int8_io", "onnx_static_wi8_ai8_int8_io"):
        manifest = exports[name].manifest
        for spec in (*manifest.inputs, *manifest.outputs):
            assert spec.dtype == "int8"
            assert spec.scale
    for name in ("tflite_static_wi8_ai8_uint8rgb_io", "onnx_static_wi8_ai8_uint8rgb_io"):
        manifest = exports[name].manifest
        assert (manifest.inputs[0].dtype, manifest.inputs[0].normalised) == ("uint8", False)
        assert manifest.outputs[0].dtype == "float32"


def test_core_ml_packages_are_verified_by_the_reference_executor(exports: dict[str, Export]) -> None:
    """It is not Core ML, and the time that it takes on this machine says nothing about a phone."""
    for name, export in exports.items():
        if name.startswith("coreml"):
            assert export.manifest.parity.runtime == "reference executor"
            assert export.manifest.speed is None
            assert export.path.is_dir()
    image = exports["coreml_static_wi8_ai8_uint8rgb_io"].manifest.inputs[0]
    assert (image.dtype, image.layout, image.normalised) == ("uint8", "NHWC", False)


def test_a_file_has_the_same_bytes_from_another_place_and_without_company(
    exports: dict[str, Export], tmp_path: Path
) -> None:
    names = ["tflite_static_wi8_ai8", "onnx_static_wi8_ai8", "coreml_static_wi8_ai8_uint8rgb_io"]  # one per format
    for alone in ca_deploy.export(TINY, recipes=names, output=tmp_path / "elsewhere"):
        assert alone.manifest.sha256 == exports[alone.manifest.recipe.name].manifest.sha256


@pytest.mark.parametrize("name", ["tflite_static_wi8_ai8_uint8rgb_io", "coreml_static_wi8_ai8_uint8rgb_io"])
def test_python_snippets_run_under_any_file_name(exports: dict[str, Export], tmp_path: Path, name: str) -> None:
    Image.new("RGB", (50, 40)).save(tmp_path / "photo.jpg")
    manifest = replace(exports[name].manifest, labels=TEXTS[:5])
    hostile = "".join(payloads(f'open("{CANARY}", "w").close()')[:4])
    printed = classify(exports[name].path, manifest, hostile, tmp_path)
    assert all(f"%  {label}\n" in printed for label in TEXTS[:5])
    assert not (tmp_path / CANARY).exists()


def test_python_snippets_agree_with_the_file_in_all_inputs(exports: dict[str, Export], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    for export in exports.values():
        command = [sys.executable, str(export.path.with_suffix(".py")), str(tmp_path / "photo.png")]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        predictor = open_predictor(export.path)
        image = export.manifest.preprocessing.to_pixels(open_rgb(tmp_path / "photo.png"))
        assert int(printed[1]) == int(predictor.run(samples_of(image[None]))["logits"].argmax())


def test_the_written_python_sets_what_keeps_int8_sums_exact(exports: dict[str, Export]) -> None:
    settings = {
        "onnx_static_wi8_ai8": "session.qdqisint8allowed",
        "onnx_dynamic_wi8_afp32": "session.x64quantprecision",
    }
    for name, export in exports.items():
        written = export.path.with_suffix(".py").read_text(encoding="utf-8")
        wanted = next((value for recipe, value in settings.items() if name.startswith(recipe)), None)
        assert export.manifest.session_settings == ({wanted: "1"} if wanted else {})
        assert ("add_session_config_entry" in written) == (wanted is not None)
        assert wanted is None or f"options.add_session_config_entry('{wanted}', '1')" in written
        if wanted:
            compile(written, name, "exec")
            assert "InferenceSession(MODEL, options)" in written


def test_recipes_whose_files_would_have_one_name_are_refused(tmp_path: Path) -> None:
    for name, mode in (("my recipe", "float32"), ("my_recipe", "float16")):
        shutil.copy(data_folder("export_recipes") / f"onnx_{mode}.toml", tmp_path / f"{name}.toml")
    with pytest.raises(UsageError, match="files of the same name"):
        ca_deploy.export(TINY, recipes=[str(path) for path in tmp_path.glob("*.toml")], output=tmp_path / "out")


@pytest.mark.parametrize("name", ["tflite", "coreml"])
def test_dynamic_batch_is_refused_before_anything_is_loaded(tmp_path: Path, name: str) -> None:
    steps: list[str] = []
    with pytest.raises(UsageError, match=f"--dynamic-batch is not possible with --format {name},.* to onnx\\."):
        ca_deploy.export(
            TINY,
            formats=["onnx", name],
            dynamic_batch=True,
            output=tmp_path / "out",
            step=lambda recipe, text: steps.append(str(text)),
        )
    assert steps == []
    assert not (tmp_path / "out").exists()


def test_figures_of_a_source_may_come_as_lists(tmp_path: Path) -> None:
    """As from a JSON or TOML file."""
    figures = json.loads('{"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}')
    source = ModelSource("tests.zoo.tiny:tiny_trained", input_size=32, **figures)
    for export in ca_deploy.export(source, recipes=["onnx_float32", "onnx_float16"], output=tmp_path):
        assert export.passed


def test_an_untrained_network_says_so(tmp_path: Path) -> None:
    source = ModelSource("tests.zoo.tiny:tiny_ca", random_weights=True, input_size=32)
    (export,) = ca_deploy.export(source, formats=["onnx"], output=tmp_path)
    assert not export.manifest.model.trained
    assert any("untrained" in warning for warning in export.manifest.warnings)


def test_random_calibration_says_that_accuracy_is_unknown(tmp_path: Path) -> None:
    (export,) = ca_deploy.export(TINY, formats=["onnx"], int8=True, calibration="random", output=tmp_path)
    assert export.manifest.calibration is not None
    assert export.manifest.calibration.accuracy_unknown


def test_a_full_disk_is_said_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    with pytest.raises(OutputError, match="MB free"):
        ca_deploy.export(TINY, formats=["onnx"], output=tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_without_coremltools_the_export_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "coremltools" else find(name))
    with pytest.raises(RuntimeUnavailable, match="needs coremltools, which this machine lacks"):
        ca_deploy.export(TINY, formats=["coreml"], output=tmp_path / "out")


@pytest.mark.parametrize("model", ["evil:build", "evil.pt2"])
def test_a_manifest_names_no_code_to_run(exports: dict[str, Export], tmp_path: Path, model: str) -> None:
    """Only whoever types the command does: --against."""
    (tmp_path / "evil.py").write_text("open('canary', 'w')\n\ndef build(): ...\n")
    (tmp_path / "evil.pt2").write_bytes(b"")
    path = tmp_path / exports["onnx_float32"].path.name
    shutil.copy(exports["onnx_float32"].path, path)
    manifest = json.loads(exports["onnx_float32"].path.with_suffix(".json").read_text())
    manifest["model"]["source"]["model"] = model
    path.with_suffix(".json").write_text(json.dumps(manifest))
    photo = tmp_path / "photos" / "red" / "photo.png"
    photo.parent.mkdir(parents=True)
    Image.new("RGB", (40, 40), "red").save(photo)
    brief = ["--verify", "--runs", "2", "--min-seconds", "0", "--starts", "1"]
    for arguments, code in (
        (["parity", path], 2),
        (["check", path, "--target", "ort_cpu"], 0),
        (["profile", path, *brief], 0),
        (["evaluate", path, "--data", tmp_path / "photos"], 2),  # the labels are different
    ):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(Path.cwd())))}
        command = [sys.executable, "-m", "ca_deploy.cli", *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "canary").exists(), arguments
        if arguments[0] == "parity":
            assert "no manifest decides which code runs" in done.stderr
            named = tmp_path / model if model.endswith(".pt2") else model
            assert f"name it yourself: --against {named}" in done.stderr


def test_a_changed_package_is_refused(exports: dict[str, Export], tmp_path: Path) -> None:
    source = exports["coreml_float32"].path
    copy = shutil.copytree(source, tmp_path / source.name)
    shutil.copy(source.with_suffix(".json"), tmp_path)
    (weights,) = copy.rglob("weight.bin")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00\x01")
    with pytest.raises(ArtifactError, match="its sha256 differs"):
        ca_deploy.compare(copy)


def test_the_results_of_one_export_arrive_together(tmp_path: Path) -> None:
    (tmp_path / "tiny_trained.onnx_float16.kt").mkdir()
    with pytest.raises(OutputError, match=r"onnx_float16\.kt is a folder"):
        ca_deploy.export(TINY, recipes=["onnx_float32", "onnx_float16"], output=tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".kt"}


def test_a_terminal_that_closes_leaves_the_earlier_result(exports: dict[str, Export], tmp_path: Path) -> None:
    """SIGHUP, with nobody left to read what is said."""
    earlier = exports["onnx_float32"].path
    for suffix in (".onnx", ".json", ".py", ".kt", ".log"):
        shutil.copy(earlier.with_suffix(suffix), tmp_path)
    for suffix in (".kt", ".log"):
        (tmp_path / earlier.with_suffix(suffix).name).write_text("of an earlier version")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    command = [
        *program("setsid", ["util-linux"]),
        "--ctty",
        sys.executable,
        "-m",
        "ca_deploy.cli",
        "export",
        TINY.model,
    ]
    command += ["--format", "onnx", "--input-size", "32", "--output", str(tmp_path)]
    ours, its = os.openpty()
    with subprocess.Popen(command, stdin=its, stderr=its) as running:
        os.close(its)
        said = b""
        while b"verifying" not in said:
            said += os.read(ours, 1000)
        os.close(ours)
        assert running.wait(timeout=120) == 130
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
