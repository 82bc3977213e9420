"""Calibration sets: the same images everywhere, none of them in both parts, and every problem reported."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ca_deploy.data.calibration import CalibrationSet, calibration_names, load_calibration, load_spec
from ca_deploy.errors import ImageDataError, UsageError
from ca_deploy.records.preprocessing import Preprocessing
from tests.samples import signature_of

SMALL = Preprocessing(8, 8)
GOOD = 'description = "mine"\nsource = "random"\ndomain = "random"\ncount = 4\nheld_out = 2\n'


def photos(folder: Path, count: int) -> Path:
    """``count`` images, each in its own colour."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        colour = (number % 256, 255 - number % 256, (7 * number + number // 256) % 256)
        Image.new("RGB", (9, 8), colour).save(folder / f"{number:03}.png")
    return folder


def read(folder: Path | str, count: int | None = None) -> CalibrationSet:
    return load_calibration(load_spec(str(folder)), signature_of(SMALL), count)


def hashes(found: CalibrationSet) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return found.calibration.sha256, found.held_out.sha256


def test_order_depends_on_the_images_not_on_their_names(tmp_path: Path) -> None:
    first = photos(tmp_path / "a", 80)
    for number, path in enumerate(sorted(first.iterdir(), reverse=True)):
        (tmp_path / "b" / str(number % 3)).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / "b" / str(number % 3) / f"IMG_{number}.png")
    one, other = read(first), read(tmp_path / "b")
    assert hashes(one) == hashes(other)
    assert np.array_equal(one.calibration.arrays["image"], other.calibration.arrays["image"])


def test_parity_images_are_none_of_the_calibration_images(tmp_path: Path) -> None:
    found = read(photos(tmp_path, 80))
    assert (len(found.calibration), len(found.held_out)) == (40, 40)
    assert not set(found.calibration.sha256) & set(found.held_out.sha256)


def test_held_out_images_stay_the_same_whatever_the_count(tmp_path: Path) -> None:
    photos(tmp_path, 80)
    assert read(tmp_path, 10).held_out.sha256 == read(tmp_path).held_out.sha256
    assert len(read(tmp_path, 10).calibration) == 10


def test_copies_count_once(tmp_path: Path) -> None:
    photos(tmp_path / "a", 70)
    shutil.copytree(tmp_path / "a", tmp_path / "copy of a")
    assert hashes(read(tmp_path)) == hashes(read(tmp_path / "a"))


def test_half_of_few_is_held_out_and_a_note_says_how_many_a_verdict_needs(tmp_path: Path) -> None:
    found = read(photos(tmp_path / "few", 20))
    assert (len(found.calibration), len(found.held_out)) == (10, 10)
    (note,) = found.notes
    assert note.startswith("Of the 20 images in few/, 10 are held out, too few for a verdict on parity")
    assert "Give 40 or more; 256 for the usual 128." in note


def test_more_can_be_held_out_where_some_are_left(tmp_path: Path) -> None:
    photos(tmp_path, 80)
    found = load_calibration(load_spec(str(tmp_path)), signature_of(SMALL), held_out=70)
    assert (len(found.calibration), len(found.held_out)) == (10, 70)
    with pytest.raises(ImageDataError, match=r"too few to hold 73 out.*Give 81 or more, or --held-out 72 at most"):
        load_calibration(load_spec(str(tmp_path)), signature_of(SMALL), held_out=73)


def test_few_images_give_a_warning_and_enough_do_not(tmp_path: Path) -> None:
    few, enough = read(photos(tmp_path / "few", 80)), read(photos(tmp_path / "enough", 260))
    assert any("Only 40 calibration images; 100 or more" in warning for warning in few.warnings)
    assert enough.warnings == ()
    assert (len(enough.calibration), len(enough.held_out)) == (132, 128)


def test_the_unreadable_are_named_and_the_rest_is_used(tmp_path: Path) -> None:
    photos(tmp_path, 70)
    bad = [tmp_path / f"bad{number}.jpg" for number in range(5)]
    for number, path in enumerate(bad):
        path.write_text(f"no image {number}")
    found = read(tmp_path)
    assert (len(found.calibration), len(found.held_out)) == (33, 37)
    assert all(sum(f"Image {path.name}" in note for note in found.notes) == 1 for path in bad)
    assert not any(str(tmp_path) in warning for warning in found.warnings)


def test_no_readable_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no image")
    with pytest.raises(ImageDataError, match=r"None of the 1 images(.|\n)*bad\.jpg"):
        read(tmp_path)


def test_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageDataError, match=r"has no images.*\.jpg"):
        read(tmp_path)


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageDataError, match="does not exist"):
        read(tmp_path / "nowhere")


def test_unknown_set_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="Did you mean 'scikit_image'"):
        load_spec("scikit-image")


@pytest.mark.parametrize("name", calibration_names())
def test_shipped_set_says_what_it_is(name: str) -> None:
    spec = load_spec(name)
    assert spec.name == name
    assert spec.description
    assert spec.count >= 128
    assert spec.held_out >= 128


def test_names_are_listed() -> None:
    assert {"random", "scikit_image", "distilled_flowers5"} <= set(calibration_names())


def test_own_toml_finds_its_folder_beside_it(tmp_path: Path) -> None:
    photos(tmp_path / "mine", 10)
    toml = GOOD.replace('"random"', '"folder"', 1).replace('"random"', '"own photos"') + 'folder = "mine"\n'
    (tmp_path / "set.toml").write_text(toml)
    found = read(tmp_path / "set.toml")
    assert (found.name, found.domain, len(found.calibration), len(found.held_out)) == ("set", "own photos", 4, 2)


def test_all_errors_of_a_toml_are_listed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "set.toml"
    path.write_text('source = "web"\ndomain = 5\ncount = 0\nheld_out = "many"\nsede = 1\n')
    with pytest.raises(ImageDataError) as error:
        load_spec(str(path))
    listed = str(error.value)
    assert str(path) in listed
    for key in (
        "description: missing",
        "source: 'web'",
        "domain: 5 is unknown. One of: own photos, own samples, distilled",
        "count: 0 is not possible: it has to be greater than",
        "held_out: 'many' is not possible: it has to be a whole number",
        "sede: unknown",
    ):
        assert f"\n  {key}" in listed
    assert "6 error(s)" in listed


def test_broken_toml_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "set.toml").write_text("count =\n")
    with pytest.raises(ImageDataError, match=r"set\.toml is not valid TOML.*line 1"):
        load_spec(str(tmp_path / "set.toml"))


@pytest.mark.parametrize(
    ("name", "said"), [("random", "accuracy of the file is unknown"), ("scikit_image", "not your domain")]
)
def test_images_from_elsewhere_come_with_a_warning(name: str, said: str) -> None:
    found = read(name)
    assert any(said in warning for warning in found.warnings)
    assert (len(found.calibration), len(found.held_out)) == (128, 128)
    assert not set(found.calibration.sha256) & set(found.held_out.sha256)
    assert hashes(found) == hashes(read(name))


def test_the_count_can_be_chosen() -> None:
    assert len(read("random", 150).calibration) == 150


@pytest.fixture
def one_bad_of(tmp_path: Path) -> Callable[[int], Path]:
    def make(count: int) -> Path:
        folder = photos(tmp_path / "some", count - 1)
        (folder / "bad.png").write_text("no image")
        return folder

    return make


def test_one_bad_image_does_not_cost_a_parity_image(one_bad_of: Callable[[int], Path]) -> None:
    assert len(read(one_bad_of(120)).held_out) == 60
