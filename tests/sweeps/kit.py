"""A small sweep: two networks, two recipes; and what is planned or refused of a SWEEP.toml."""

import re
from pathlib import Path

from typer.testing import CliRunner

from ca_deploy.api import preflight
from ca_deploy.cli import app
from ca_deploy.sweeps.plan import Plan, planned

RECIPES = ("onnx_float32", "onnx_static_wi8_ai8")
TINY = """
[[model]]
model = "tests.zoo.tiny:tiny_trained"
input_size = 32
"""
OTHER = """
[[model]]
model = "tests.zoo.tiny:tiny_trained"
name = "larger"
input_size = 48
"""
FAILS = """
[[model]]
model = "tests.zoo.tiny:fails"
"""


def sweep_file(folder: Path, *models: str, head: str = "", recipes: tuple[str, ...] = RECIPES) -> Path:
    """A SWEEP.toml in a folder, with these models."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = ", ".join(f'"{name}"' for name in recipes)
    path = folder / "SWEEP.toml"
    path.write_text(f"recipes = [{listed}]\n{head}\n{''.join(models)}", encoding="utf-8")
    return path


def contents(folder: Path, *suffixes: str) -> dict[str, bytes]:
    """The files of these suffixes, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in suffixes}


def plan_of(path: Path) -> Plan:
    checks = preflight.source_checks, preflight.check_calibration, preflight.check_data
    return planned(path, path.parent / "out", *checks)


def refused(path: Path, *said: str) -> None:
    """By the command, with exit code 2, without a folder of results."""
    done = CliRunner().invoke(app, ["sweep", str(path), "-o", str(path.parent / "out")])
    assert done.exit_code == 2, done.output
    for text in said:
        assert re.search(text, done.output), done.output
    assert not (path.parent / "out").exists()
