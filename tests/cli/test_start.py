"""The command line answers at once, in words and in JSON."""

import json
import subprocess
import sys
from importlib import metadata

import pytest
from typer.testing import CliRunner

from ca_deploy.cli import app


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list", "recipes"], ["list", "models"], ["list", "formats"], ["list", "devices"]]
)
def test_help_and_lists_load_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom ca_deploy.cli import app\n"
        f"app({arguments!r}, standalone_mode=False)\n"
        "heavy = {'torch', 'onnx', 'tensorflow', 'coremltools', 'scipy', 'jax'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("what", ["formats", "recipes", "calibrations", "targets"])
def test_lists_in_json(what: str) -> None:
    done = CliRunner().invoke(app, ["list", what, "--json"])
    assert done.exit_code == 0
    assert all(json.loads(done.stdout).values())


def test_the_version_is_the_packages() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"ca-deploy {metadata.version('ca-deploy')}\n")


def test_help_loads_no_pydantic() -> None:
    code = (
        "import sys\nfrom ca_deploy.cli import app\napp(['--help'], standalone_mode=False)\n"
        "sys.exit('pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
