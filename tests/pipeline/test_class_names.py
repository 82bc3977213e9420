"""A classifier without labels takes the names of its classes from the folders of the calibration photos."""

from pathlib import Path

import pytest
from PIL import Image

import ca_deploy
from ca_deploy.networks.source import load
from ca_deploy.pipeline.class_names import named_by_folders
from ca_deploy.records.model import ModelSource
from tests.pipeline.kit import TINY

pytestmark = pytest.mark.usefixtures("warm_converters")

CLASSES = ("ash", "birch", "cedar", "dogwood", "elm")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number, name in enumerate(CLASSES):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for shade in range(16):
            Image.new("RGB", (40, 40), (shade * 16, number * 50, 90)).save(folder / f"{shade}.png")
    return tmp_path / "photos"


def test_an_export_has_them_and_says_so(photos: Path, tmp_path: Path) -> None:
    (export,) = ca_deploy.export(TINY, formats="onnx", calibration=str(photos), output=tmp_path / "out")
    assert export.manifest.labels == CLASSES
    assert export.manifest.model.source.labels is None
    said = export.manifest.assumptions[-1]
    assert said == "classes ash, birch, cedar, dogwood, elm, as the folders of photos in their order (--labels)"
    assert "each of the 5 labels" in export.manifest.task_reason
    assert "elm" in export.path.with_suffix(".py").read_text()
    assert not list((tmp_path / "out").glob("labels*"))


def test_folders_of_another_number_are_not_classes(photos: Path, tmp_path: Path) -> None:
    (photos / "fir").mkdir()
    network, source = named_by_folders(load(TINY), TINY, str(photos), tmp_path)
    assert (network.labels, source) == (None, TINY)
    assert network.assumptions[-1] == "no names of classes (--labels)"


@pytest.mark.parametrize("calibration", [None, "random", "distilled_flowers5"])
def test_a_set_without_class_folders_names_none(calibration: str | None, tmp_path: Path) -> None:
    assert named_by_folders(load(TINY), TINY, calibration, tmp_path)[0].labels is None


def test_labels_that_were_given_stay(photos: Path, tmp_path: Path) -> None:
    network = load(ModelSource("mobilenet_v2_ca"))
    assert named_by_folders(network, ModelSource(), str(photos), tmp_path)[0] is network
