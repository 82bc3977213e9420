"""The current folder may be full of other people's modules: none of them is imported."""

import importlib.util
import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from ca_deploy.processes.python_path import python_environment, python_module, search_path
from tests.latency.models import onnx_file, tflite_file

ROOT = Path(__file__).parents[2]
# What Python and the libraries import wherever it exists, installed or not.
OPTIONAL = ("sitecustomize", "usercustomize", "triton", "tensorrt", "cupy", "apex", "ca_deploy")


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A folder with a module for every installed one; each leaves a canary when it is imported."""
    folder = tmp_path / "photos"
    folder.mkdir()
    names = {name for name in (*packages_distributions(), *sys.stdlib_module_names, *OPTIONAL) if name.isidentifier()}
    for name in names:
        module = f"open({str(tmp_path / 'canary')!r}, 'a').write({name!r} + chr(10))\n"
        (folder / f"{name}.py").write_text(module)
    assert {"numpy", "onnx", "google", "ca_deploy", "PIL", "pip", "torch"} <= names
    return folder


def command(arguments: Sequence[str | Path], folder: Path) -> "subprocess.CompletedProcess[str]":
    """As the console script runs: it does not put the current folder on the search path either."""
    argv = [sys.executable, "-P", "-m", "ca_deploy.cli", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True)


def test_check_profile_parity_and_export_import_nothing_from_the_current_folder(trap: Path) -> None:
    models = [onnx_file(trap / "model.onnx"), tflite_file(trap / "model.tflite")]
    brief = ["--runs", "2", "--min-seconds", "0", "--starts", "1"]
    preprocessing = ["--mean", "0", "0", "0", "--std", "1", "1", "1"]
    commands: list[list[str | Path]] = [
        ["check", models[0]],
        ["check", models[1]],
        ["profile", *models, "--verify", "--ops", *brief],
        ["parity", models[0], "--against", models[0], *preprocessing],
        ["export", "mobilenet_v2_ca", "--random-weights", "--width", "0.25", "--input-size", "32", "--format", "onnx"],
    ]
    for arguments in commands:
        done = command(arguments, trap)
        assert done.returncode in (0, 1), (arguments, done.stderr)
        assert "Traceback" not in done.stderr
    assert not trap.with_name("canary").exists(), trap.with_name("canary").read_text()


@pytest.mark.parametrize("module", ["pip", "ziglang"])
def test_pip_and_zig_are_the_installed_ones(trap: Path, module: str) -> None:
    argument = "--version" if module == "pip" else "version"
    done = subprocess.run(python_module(module, argument), cwd=trap, env=python_environment(), capture_output=True)
    assert done.returncode == 0, done.stderr
    assert not trap.with_name("canary").exists()


def test_a_factory_that_lies_elsewhere_brings_nothing_from_the_current_folder(trap: Path) -> None:
    source = ["tests.zoo.tiny:tiny_trained", "--input-size", "32"]
    done = command(["export", *source, "--format", "onnx"], trap)
    assert done.returncode == 0, done.stderr
    assert not trap.with_name("canary").exists(), trap.with_name("canary").read_text()


def test_the_users_own_factory_is_found_after_what_is_installed(trap: Path) -> None:
    """With its helpers: at the top of its module, inside the factory, and when the network runs."""
    for module in trap.glob("*.py"):
        if not importlib.util.find_spec(module.stem):
            module.unlink()  # PyTorch looks for optional parts in the whole path, and this folder belongs to it now
    (trap / "my_net.py").write_text(
        "from torch import nn\n\nimport at_the_top\n\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.layer = nn.Conv2d(3, 4, 3)\n"
        "    def forward(self, x):\n        import when_it_runs\n        return self.layer(x).mean((2, 3))\n\n"
        "def build():\n    import torch, in_the_factory\n    torch.manual_seed(0)\n    return Net()\n"
    )
    for helper in ("at_the_top", "in_the_factory", "when_it_runs"):
        (trap / f"{helper}.py").touch()
    done = command(["export", "my_net:build", "--input-size", "32", "--format", "onnx"], trap)
    assert done.returncode == 0, done.stderr
    assert not trap.with_name("canary").exists(), trap.with_name("canary").read_text()


def test_this_ca_deploy_comes_before_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "ca_deploy").mkdir(parents=True)
    (other / "ca_deploy/__init__.py").touch()
    monkeypatch.setattr(sys, "path", ["", "/somewhere", str(other), str(tmp_path)])
    monkeypatch.chdir(tmp_path)
    assert search_path() == ["/somewhere", str(ROOT), str(other)]
    monkeypatch.chdir(ROOT)
    assert search_path() == ["/somewhere", str(ROOT), str(other), str(tmp_path)]
    library = sysconfig.get_path("purelib")
    monkeypatch.setattr(sys, "path", [library])
    monkeypatch.chdir(library)
    assert search_path() == [library, str(ROOT)]


def test_a_matplotlibrc_in_the_current_folder_starts_no_program(
    trap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``text.usetex`` would have matplotlib run LaTeX, from PATH."""
    model = onnx_file(tmp_path / "model.onnx")
    latex = tmp_path / "bin" / "latex"
    latex.parent.mkdir()
    latex.write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\nexit 1\n")
    latex.chmod(0o755)
    monkeypatch.setenv("PATH", f"{latex.parent}{os.pathsep}{os.environ['PATH']}")
    (trap / "matplotlibrc").write_text("text.usetex: True\n")
    output = tmp_path / "report"
    brief = ["--runs", "2", "--min-seconds", "0", "--starts", "1"]
    done = command(["profile", model, *brief, "--output", output], trap)
    assert done.returncode == 0, done.stderr
    assert {path.suffix for path in output.iterdir()} == {".json", ".svg", ".png"}
    assert not (tmp_path / "canary").exists()
