"""The inputs of a result: whatever changes it changes them, and nothing else does."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from safetensors.numpy import save_file

from ca_deploy.records.model import ModelSource
from ca_deploy.sweeps import identity


def photos(folder: Path, colour: str = "red") -> Path:
    for name in ("a/1.png", "b/2.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), colour).save(folder / name)
    return folder


def test_of_a_folder_everything_counts_but_where_it_is(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    before = identity.of_path(folder)
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    assert identity.of_path(moved) == before
    (moved / "b").rename(moved / "c")
    assert identity.of_path(moved) != before
    photos(folder, "green")
    assert identity.of_path(folder) != before


def test_what_is_behind_a_link_counts_and_a_circle_ends(tmp_path: Path) -> None:
    folder, elsewhere = photos(tmp_path / "photos"), photos(tmp_path / "elsewhere")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "circle").symlink_to(folder)
    before = identity.of_path(folder)
    photos(elsewhere, "blue")
    assert identity.of_path(folder) != before


def test_labels_and_masks_beside_photos_count(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    (folder / "labels.json").write_text("{}")
    before = identity.of_data(folder), identity.of_data(folder / "labels.json")
    photos(folder, "green")
    after = identity.of_data(folder), identity.of_data(folder / "labels.json")
    assert not set(before) & set(after)


def test_weights_labels_and_options_count(tmp_path: Path) -> None:
    import numpy as np

    weights, labels = tmp_path / "w.safetensors", tmp_path / "labels.txt"
    save_file({"w": np.zeros(3)}, weights)
    labels.write_text("a\n")
    source = ModelSource("mobilenet_v2_ca", weights=weights, labels=labels)
    before = identity.of_network(source)
    moved = tmp_path / "moved.safetensors"
    shutil.copy(weights, moved)
    assert identity.of_network(ModelSource("mobilenet_v2_ca", weights=moved, labels=labels)) == before
    save_file({"w": np.ones(3)}, weights)
    labels.write_text("b\n")
    after = identity.of_network(ModelSource("mobilenet_v2_ca", weights=weights, labels=labels, width=0.5))
    assert {name for name in before if before[name] != after[name]} == {"weights", "labels", "options"}


def test_the_code_of_a_factory_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loose_net.py").write_text("from loose_part import build\n")
    (tmp_path / "loose_part.py").write_text("def build(): ...\n")
    package = tmp_path / "whole_net"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "inner" / "part.py").write_text("def build(): ...\n")
    monkeypatch.chdir(tmp_path)
    sources = [ModelSource("loose_net:build"), ModelSource("whole_net.inner.part:build")]
    before = [identity.of_network(source)["network"] for source in sources]
    assert before == [identity.of_network(source)["network"] for source in sources]
    for part in (tmp_path / "loose_part.py", package / "inner" / "part.py"):
        part.write_text("def build(): return 1\n")
    after = [identity.of_network(source)["network"] for source in sources]
    assert not set(before) & set(after)


def test_a_set_s_images_count_and_its_place_does_not(tmp_path: Path) -> None:
    source = ModelSource("tests.zoo.tiny:tiny_trained")
    one = identity.of_calibration(str(photos(tmp_path / "x" / "photos")), source)
    assert identity.of_calibration(str(photos(tmp_path / "y" / "photos")), source) == one
    assert identity.of_calibration(str(photos(tmp_path / "x" / "photos", "green")), source) != one
    assert identity.of_calibration("random", source) != identity.of_calibration("scikit_image", source)


def test_a_key_is_that_of_all_inputs() -> None:
    assert identity.key_of({"a": "1", "b": "2"}) == identity.key_of({"b": "2", "a": "1"})
    assert identity.key_of({"a": "1", "b": "2"}) != identity.key_of({"a": "12", "b": ""})
