"""What a model sees is printed, drawn and written, whatever photos it gets; and what cannot be is one message."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import ca_deploy
from ca_deploy.cli import app
from ca_deploy.errors import ArtifactError, CaDeployError, ImageDataError, UsageError
from ca_deploy.evaluation.drawn_photo import colour
from ca_deploy.evaluation.predictor import Predictor
from ca_deploy.records.model import ModelSource

COLOUR = "tests.zoo.tiny:Colour"
SEGMENTER = "tests.cli.test_predict:Brightness"
SOURCE = ModelSource(input_size=32, mean=(0, 0, 0), std=(1, 1, 1), fit="stretch")


def __getattr__(name: str) -> object:
    """The network that tests name, built where PyTorch is needed."""
    if name != "Brightness":
        raise AttributeError(name)
    import torch
    from torch import Tensor, nn

    class Brightness(nn.Module):
        """Two classes per cell of 4 x 4 pixels, dark and bright."""

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            mean = nn.functional.avg_pool2d(x, 4).mean(1, keepdim=True)
            return {"out": torch.cat([0.5 - mean, mean - 0.5], 1)}

    return Brightness


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A red and a blue photo; one of two halves, dark and bright; a text."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for place, tone in (("a.png", "red"), ("more/a.png", "blue")):
        Image.new("RGB", (400, 300), tone).save(folder / place)
    return folder


def halves(place: Path) -> Path:
    image = Image.new("RGB", (80, 40), "black")
    ImageDraw.Draw(image).rectangle([40, 0, 79, 39], "white")
    image.save(place)
    return place


def test_labels_of_each_photo_with_a_picture_of_it(photos: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("blue\ngreen\nred\n")
    source = ModelSource(input_size=32, mean=(0, 0, 0), std=(1, 1, 1), labels=labels)
    found = ca_deploy.predict(COLOUR, photos, output=tmp_path / "seen", source=source)
    assert [one.labels[0].label for one in found.predictions] == ["red", "blue"]
    assert sum(label.score for label in found.predictions[0].labels) == pytest.approx(1)
    assert sorted(path.name for path in (tmp_path / "seen").iterdir()) == ["a.png", "more_a.png", "predictions.json"]
    written = json.loads((tmp_path / "seen" / "predictions.json").read_text())
    assert written["predictions"][1]["labels"][0]["label"] == "blue"
    with Image.open(tmp_path / "seen" / "a.png") as picture:
        assert picture.size == (400, 300)
        assert picture.getpixel((399, 299)) == (255, 0, 0)
        assert picture.getpixel((0, 0)) != (255, 0, 0)  # the list of labels


def test_areas_lie_where_they_are_in_the_photo(tmp_path: Path) -> None:
    photo = halves(tmp_path / "halves.png")
    found = ca_deploy.predict(SEGMENTER, photo, output=tmp_path / "seen.png", source=SOURCE)
    (one,) = found.predictions
    assert found.task == "segmentation"
    assert [(area.label, round(area.percent)) for area in one.areas] == [("0", 50), ("1", 50)]
    with Image.open(tmp_path / "seen.png") as picture:
        pixels = np.asarray(picture, int)
    bright = 0.45 * 255 + 0.55 * np.array(colour(1))
    assert np.abs(pixels[35, 45:75] - bright).max() < 2
    assert np.abs(pixels[35, 5:35]).max() < 2


def test_values_of_a_network_without_a_known_task(photos: Path, tmp_path: Path) -> None:
    source = ModelSource(input_size=32, mean=(0, 0, 0), std=(1, 1, 1), task="tensors")
    found = ca_deploy.predict(COLOUR, photos / "a.png", output=tmp_path / "seen.json", source=source)
    values = json.loads((tmp_path / "seen.json").read_text())["predictions"][0]["values"]
    assert values == {"output": [0, 0, 1]}
    assert found.predictions[0].values == {"output": (0.0, 0.0, 1.0)}


def test_what_cannot_be_read_or_written_leaves_nothing(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"no image")
    found = ca_deploy.predict(COLOUR, photos, source=SOURCE)
    assert len(found.predictions) == 2
    assert "broken.jpg" in found.unreadable[0]
    out = tmp_path / "out"
    cases: list[tuple[object, object, type[CaDeployError], str]] = [
        ([photos / "a.png", photos / "broken.jpg"], out / "x.json", ImageDataError, r"broken\.jpg cannot be read"),
        (photos, out / "x.png", UsageError, "is one picture, and there are 3 photos. Name a folder"),
        (photos, out / "x.gif", UsageError, r"\.gif is not written"),
        (photos / "none.jpg", out / "x.png", ImageDataError, r"none\.jpg does not exist"),
        ([], out, ImageDataError, "no photo to predict"),
    ]
    for images, place, kind, said in cases:
        with pytest.raises(kind, match=said):
            ca_deploy.predict(COLOUR, images, output=place, source=SOURCE)  # type: ignore[arg-type]
    assert not out.exists() or not list(out.iterdir())


def test_hostile_labels_stay_in_their_line(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("a\x1b[31mb\n" + "x" * 5000 + "\n\u202egnp\n")
    command = ["predict", COLOUR, str(photos / "a.png"), "-o", str(tmp_path / "seen.png"), "--labels", str(labels)]
    app([*command, "--input-size", "32"], standalone_mode=False)
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    assert (tmp_path / "seen.png").is_file()


def test_no_picture_takes_the_place_of_a_photo(photos: Path) -> None:
    before = {path: path.read_bytes() for path in photos.rglob("*.png")}
    for images, output in ((photos / "a.png", photos / "a.png"), (photos, photos), (photos, photos / "more")):
        with pytest.raises(UsageError, match="would replace the photo"):
            ca_deploy.predict(COLOUR, images, output=output, source=SOURCE)
    assert {path: path.read_bytes() for path in photos.rglob("*.png")} == before


def test_labels_of_another_length_and_what_a_manifest_says_already_are_refused(photos: Path, tmp_path: Path) -> None:
    classifier = ca_deploy.export(
        ModelSource(COLOUR, input_size=32), recipes=("onnx_float32",), calibration="random", output=tmp_path / "three"
    )[0].path
    (export,) = ca_deploy.export(
        ModelSource(SEGMENTER, input_size=32, mean=(0, 0, 0), std=(1, 1, 1), task="segmentation"),
        recipes=("onnx_float32",),
        calibration="random",
        output=tmp_path / "out",
    )
    labels = tmp_path / "labels.txt"
    for path, lines, said in (
        (export.path, "one\n", "2 classes, but there are 1 labels"),
        (export.path, "\n", "has no names"),
        (classifier, "one\ntwo\n", "3 outputs, but there are 2 labels"),
    ):
        labels.write_text(lines)
        with pytest.raises(UsageError, match=said):
            ca_deploy.predict(path, photos, source=ModelSource(labels=labels))
    with pytest.raises(UsageError, match="says what --input-size, --task would"):
        ca_deploy.predict(export.path, photos, source=ModelSource(input_size=64, task="tensors"))


def test_answers_that_are_no_numbers_are_not_read(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {"logits": np.array([[1, np.nan, 0]], np.float32)}
    monkeypatch.setattr(Predictor, "run", lambda self, samples: broken)
    with pytest.raises(ArtifactError, match="'logits' is not a number"):
        ca_deploy.predict(COLOUR, photos, source=SOURCE)
