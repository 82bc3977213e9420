"""The folder is the registry: a dummy of every kind, dropped into its folder, goes through every list and verb."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ca_deploy
from tests.latency.models import tflite_file

PACKAGE = Path(ca_deploy.__file__).parent
PLUG_INS = Path(__file__).with_name("plug_ins")
MODEL = "tests.zoo.tiny:tiny_trained"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package and its data, with the plug-ins in their folders and no line changed."""
    root = tmp_path_factory.mktemp("package")
    shutil.copytree(PACKAGE, root / "ca_deploy", ignore=shutil.ignore_patterns("__pycache__"))
    for data in ("export_recipes", "calibration"):
        shutil.copytree(PACKAGE.parent / data, root / data)
    for plug_in in (path for path in PLUG_INS.rglob("dummy*.*") if path.suffix != ".pyc"):
        place = plug_in.relative_to(PLUG_INS)
        folder = root if place.parts[0] == "export_recipes" else root / "ca_deploy"
        assert (folder / place).parent.is_dir(), f"there is no {place.parent}"
        shutil.copy(plug_in, folder / place)
    return root


@pytest.fixture(scope="module")
def run(package: Path) -> Run:
    def run(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "ca_deploy.cli", *map(str, arguments)],
            cwd=package,
            env={**os.environ, "PYTHONPATH": f"{package}:{PACKAGE.parent}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{arguments} ended with {done.returncode}:\n{done.stderr}\n{done.stdout}"
        return done

    return run


@pytest.fixture(scope="module")
def exported(package: Path, run: Run) -> list[dict[str, Any]]:
    """By both recipes, with the task and the target."""
    out = package / "out"
    done = run(
        "export", MODEL, "--input-size", 32, "--recipe", "dummy_float32", "--recipe", "dummy_static_wi8_ai8",
        "--task", "dummy", "--check", "dummy", "--output", out, "--json",
    )  # fmt: skip
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert "a sour flavour" in done.stderr
    return found


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for name in "abcde":
        (root / name).mkdir()
        pixels = random.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / name / "1.png")
    return root


@pytest.mark.parametrize("kind", ["formats", "recipes", "runtimes", "targets", "tasks", "devices"])
def test_every_list_names_it(run: Run, kind: str) -> None:
    assert "dummy" in run("list", kind).stdout
    assert "dummy" in run("list", kind, "--json").stdout


def test_its_keys_are_in_the_schema_of_recipes_and_no_other_format_takes_them(run: Run, tmp_path: Path) -> None:
    schema = json.loads(run("schema", "recipe").stdout)
    assert schema["properties"]["flavour"]["enum"] == ["sweet", "sour"]
    assert "dummy" in schema["properties"]["format"]["enum"]
    text = (PLUG_INS / "export_recipes" / "dummy_float32.toml").read_text()
    for name, changed, said in (
        ("bitter", text.replace("sweet", "bitter"), "flavour: 'bitter' is unknown. One of: sweet, sour."),
        ("plain", text.replace('flavour = "sweet"\n', ""), "flavour: missing; a dummy has a taste."),
        (
            "half",
            text.replace("float32", "float16"),
            "mode: format = 'dummy' has no 'float16'. One of: ",
        ),
        ("other", text.replace('"dummy"', '"tflite"'), "flavour: format = 'tflite' has none; remove the key."),
        ("target", f"opset = 18\n{text}", "opset: format = 'dummy' has none; remove the key."),
    ):
        recipe = tmp_path / f"{name}.toml"
        recipe.write_text(changed)
        assert said in run("export", MODEL, "--recipe", recipe, code=2).stderr


def test_export_writes_verifies_and_checks_it(exported: list[dict[str, Any]]) -> None:
    for found, exact in zip(exported, (True, False), strict=True):
        manifest = found["manifest"]
        assert found["status"] == "pass"
        assert (manifest["format"], manifest["task"]) == ("dummy", "dummy")
        assert manifest["parity"]["runtime"] == "Dummy 1.0"
        assert (manifest["parity"]["max_abs_error"] < 1e-5) == exact
        assert manifest["session_settings"] == {"dummy.setting": "1"}
        assert manifest["compatibility"][0]["findings"][0]["verdict"] == "unsupported"
        file = Path(found["path"])
        assert file.with_suffix(".dummycode").read_text() == f"feed {file.name}\n"
    assert exported[1]["manifest"]["float_operators"][0]["reason"] == "it is a dummy"
    assert exported[1]["manifest"]["speed"]["float32_median_ms"] > 0


def test_int8_and_format_choose_its_recipe(package: Path, run: Run) -> None:
    shown = run(
        "export", MODEL, "--input-size", 32, "--format", "dummy", "--int8", "--output", package / "flags"
    ).stdout
    assert "dummy_static_wi8_ai8" in shown
    assert "stayed float: 1 x everything (it is a dummy)" in shown


def test_parity_evaluate_and_check_open_it(run: Run, exported: list[dict[str, Any]], photos: Path) -> None:
    file = exported[1]["path"]
    parity = json.loads(run("parity", file, "--against", MODEL, "--runtime", "dummy", "--json").stdout)
    assert (parity["status"], parity["runtime"]) == ("pass", "Dummy 1.0")
    assert parity["agreement_name"] == "equal order"
    accuracy = json.loads(run("evaluate", file, "--data", photos, "--against", exported[0]["path"], "--json").stdout)
    assert accuracy["task"] == "dummy"
    assert accuracy["figures"] == {"order": accuracy["top1"]}
    shown = run("evaluate", file, "--data", photos, "--against", exported[0]["path"]).stdout
    assert "order " in shown
    assert "in order of " in shown
    assert "top-1" not in shown
    (report,) = json.loads(run("check", file, "--json", code=1).stdout)
    assert (report["target"], report["findings"][0]["module"]) == ("dummy", "block")
    before = run("check", "--before", MODEL, "--input-size", 32, "--target", "dummy", code=1).stdout
    assert "unsupported" in before


def test_profile_measures_on_it_and_says_what_it_cannot_measure(
    run: Run, exported: list[dict[str, Any]], tmp_path: Path
) -> None:
    file = tflite_file(tmp_path / "small.tflite")
    report = json.loads(run("profile", file, "--device", "dummy:one", "--protocol", "quick", "--json").stdout)
    assert report["device"]["name"] == "dummy:one"
    assert report["measurements"][0]["statistics"]["n"] > 0
    assert ".dummy" in run("profile", exported[0]["path"], code=2).stderr


def test_the_task_writes_the_main_part_of_a_snippet(package: Path, run: Run, photos: Path) -> None:
    out = package / "snippet"
    run("export", MODEL, "--input-size", 32, "--format", "tflite", "--task", "dummy", "--output", out)
    (script,) = out.glob("*.py")
    (kotlin,) = out.glob("*.kt")
    for source in (script.read_text(), kotlin.read_text()):
        assert "Put two numbers in order with " in source
        assert "Two numbers, the larger one first if all is well." in source
        assert "lassif" not in source
    printed = subprocess.run(
        [sys.executable, script, photos / "a" / "1.png"], capture_output=True, text=True, check=True
    )
    assert printed.stdout in ("first\n", "second\n")
