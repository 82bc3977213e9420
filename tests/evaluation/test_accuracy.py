"""Accuracy on labelled photos, counted by hand: a network that knows colours, and one that is colour-blind."""

from pathlib import Path

import pytest
from PIL import Image

import ca_deploy
from ca_deploy.errors import ImageDataError
from ca_deploy.records.accuracy import AccuracyReport, Confusion
from ca_deploy.records.model import ModelSource

COLOURS = {"blue": (20, 20, 230), "green": (20, 230, 20), "red": (230, 20, 20)}
SOURCE = ModelSource(input_size=8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three photos per colour, but one in ``red`` is green."""
    for name, colour in COLOURS.items():
        (tmp_path / name).mkdir()
        for number in range(3):
            shown = COLOURS["green"] if (name, number) == ("red", 2) else colour
            Image.new("RGB", (10, 12 + number), shown).save(tmp_path / name / f"{number}.png")
    return tmp_path


def evaluate(data: Path, model: str = "colour", against: str | None = None) -> AccuracyReport:
    other = f"tests.zoo.tiny:{against}" if against else None
    return ca_deploy.evaluate(f"tests.zoo.tiny:{model}", data, against=other, source=SOURCE)


def test_accuracy_and_confusions_are_those_counted_by_hand(data: Path) -> None:
    report = evaluate(data)
    assert report.images == 9
    assert report.top1 == pytest.approx(100 * 8 / 9)
    assert report.top5 == 100
    assert report.top1_by_class == pytest.approx({"blue": 100, "green": 100, "red": 200 / 3})
    assert report.confusions == (Confusion(truth="red", answer="green", count=1),)
    assert report.unreadable == ()
    assert report.paired is None


def test_paired_counts_add_up(data: Path) -> None:
    paired = evaluate(data, "colour_blind", against="colour").paired
    assert paired is not None
    counts = (paired.both_right, paired.only_model_right, paired.only_other_right, paired.both_wrong)
    assert counts == (3, 1, 5, 0)
    assert paired.against_top1 == pytest.approx(100 * 8 / 9)
    assert paired.top1_difference == pytest.approx(-100 * 4 / 9)
    assert paired.p_value == pytest.approx(2 * 7 / 64)
    assert paired.agreement == pytest.approx(100 * 3 / 9)
    assert paired.sqnr_db is not None


def test_a_model_against_itself_does_not_differ(data: Path) -> None:
    paired = evaluate(data, against="colour").paired
    assert paired is not None
    assert (paired.top1_difference, paired.p_value, paired.agreement, paired.sqnr_db) == (0, 1, 100, None)


def test_unreadable_photo_is_named_and_left_out(data: Path) -> None:
    bad = data / "blue" / "bad.jpg"
    bad.write_text("no image")
    report = evaluate(data)
    assert report.images == 9
    assert [str(bad) in complaint for complaint in report.unreadable] == [True]


def test_only_unreadable_photos_are_an_error(tmp_path: Path) -> None:
    for name in COLOURS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "bad.jpg").write_text("no image")
    with pytest.raises(ImageDataError, match=r"None of the photos(.|\n)*bad\.jpg"):
        evaluate(tmp_path)


def test_labels_decide_the_order_and_strangers_are_refused(data: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("blue\ngreen\nviolet\n")
    source = ModelSource(input_size=8, labels=labels)
    with pytest.raises(ImageDataError, match=r"does not know: red\..*blue, green, violet"):
        ca_deploy.evaluate("tests.zoo.tiny:colour", data, source=source)
    labels.write_text("green\nblue\nred\n")  # wrong on purpose: the network says blue first
    assert ca_deploy.evaluate("tests.zoo.tiny:colour", data, source=source).top1 == pytest.approx(100 * 2 / 9)


def test_more_classes_than_the_model_has_are_refused(data: Path) -> None:
    (data / "violet").mkdir()
    Image.new("RGB", (8, 8)).save(data / "violet" / "0.png")
    with pytest.raises(ImageDataError, match="4 classes"):
        evaluate(data)


def test_missing_and_flat_folders_are_explained(data: Path) -> None:
    with pytest.raises(ImageDataError, match="does not exist"):
        evaluate(data / "nowhere")
    with pytest.raises(ImageDataError, match="no class folders"):
        evaluate(data / "red")
