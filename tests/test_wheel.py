"""The wheel carries the data folders, and what is installed from it finds them."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's contents, as pip would lay them into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=CHECKOUT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    site = folder / "site-packages"
    with zipfile.ZipFile(wheel) as content:
        content.extractall(site)
    return site


def _run(site: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=site.parent, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("what", "folder"), [("recipes", "export_recipes"), ("calibrations", "calibration")])
def test_an_installed_wheel_finds_its_data(installed: Path, what: str, folder: str) -> None:
    listed = json.loads(_run(installed, "-m", "ca_deploy.cli", "list", what, "--json"))
    assert set(listed) == {path.stem for path in (CHECKOUT / folder).glob("*.toml")}


def test_an_installed_wheel_loads_its_model_and_its_images(installed: Path) -> None:
    code = (
        "import ca_deploy\n"
        "from ca_deploy.data.calibration import load_calibration, load_spec\n"
        "from ca_deploy.networks.source import ModelSource, load\n"
        "network = load(ModelSource())\n"
        "images = load_calibration(load_spec(network.default_calibration), network.signature)\n"
        "print(ca_deploy.__file__, len(images.calibration), len(images.held_out))"
    )
    place, *counts = _run(installed, "-c", code).split()
    assert Path(place).is_relative_to(installed)
    assert counts == ["128", "128"]
