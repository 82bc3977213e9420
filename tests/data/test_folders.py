"""A folder's images are found through links, and what is left out is said."""

import os
from pathlib import Path

import pytest
from PIL import Image

from ca_deploy.data.calibration import load_calibration, load_spec
from ca_deploy.data.folders import images_below
from ca_deploy.errors import ImageDataError
from ca_deploy.files import sha256_of
from ca_deploy.records.preprocessing import Preprocessing
from tests.samples import signature_of


def photo(path: Path, level: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (level, level, level)).save(path)
    return path


def test_class_folders_that_are_links_are_followed(tmp_path: Path) -> None:
    photo(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "daisy").symlink_to(tmp_path / "elsewhere")
    assert images_below(tmp_path / "set").paths == (tmp_path / "set" / "daisy" / "a.png",)


def test_a_link_to_a_folder_above_ends_and_gives_each_file_once(tmp_path: Path) -> None:
    photo(tmp_path / "a" / "x.png")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    assert images_below(tmp_path).paths == (tmp_path / "a" / "x.png",)


def test_other_files_are_counted_by_suffix_and_hidden_ones_passed_over(tmp_path: Path) -> None:
    photo(tmp_path / "x.jpeg")
    photo(tmp_path / "y.png").rename(tmp_path / "y.JFIF")
    photo(tmp_path / ".z.png")
    photo(tmp_path / ".thumbnails" / "t.png")
    for name in ("a.cr2", "b.CR2", "notes.txt", "LICENCE"):
        (tmp_path / name).touch()
    found = images_below(tmp_path)
    assert [path.name for path in found.paths] == ["x.jpeg", "y.JFIF"]
    assert found.ignored == {".cr2": 2, ".txt": 1, "": 1}
    assert "1 without a suffix, 2 .cr2, 1 .txt" in found.note


def test_heic_without_the_package_is_said_with_the_remedy(tmp_path: Path) -> None:
    photo(tmp_path / "x.png")
    (tmp_path / "phone.heic").touch()
    pytest.importorskip("PIL")
    note = images_below(tmp_path).note
    assert note == "" or "pip install pillow-heif" in note


def test_a_folder_without_images_says_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "movie.mp4").touch()
    with pytest.raises(ImageDataError, match=r"has no images\. It has 1 other files\. Put"):
        images_below(tmp_path)


def test_of_very_many_images_a_part_is_read_that_names_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ca_deploy.data.calibration._MANY", 10)
    monkeypatch.setattr("ca_deploy.data.calibration._FEWEST_HASHED", 1)
    for number in range(120):
        photo(tmp_path / f"{number}.png", number)
    read = []

    def counted(path: Path) -> str:
        read.append(path)
        return sha256_of(path)

    monkeypatch.setattr("ca_deploy.data.images.sha256_of", counted)
    found = load_calibration(load_spec(os.fspath(tmp_path)), signature_of(Preprocessing(8, 8)), 40, held_out=32)
    assert len(read) == 72
    assert len(found.calibration) == 40
    assert any("Of 120 images, 72 were looked at" in warning for warning in found.warnings)


def test_the_systems_own_files_and_folders_that_vanish_are_passed_over(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    (tmp_path / "processes").symlink_to("/proc")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert images_below(tmp_path).paths == (tmp_path / "a.png",)
