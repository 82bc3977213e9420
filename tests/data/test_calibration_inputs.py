"""Calibration sets for networks of several inputs, of plain tensors, and sets that are a file of samples."""

from pathlib import Path

import numpy as np
import pytest

from ca_deploy.data import arrays
from ca_deploy.data.calibration import load_calibration, load_spec
from ca_deploy.errors import ImageDataError
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.signature import NetworkInput, Signature
from tests.samples import image_input

LEFT, RIGHT = (NetworkInput(name, (1, 3, 8, 8), preprocessing=Preprocessing(8, 8)) for name in ("left", "right"))
STATE, IDS = NetworkInput("state", (1, 4)), NetworkInput("ids", (1, 3), "int64")


def signature(*inputs: NetworkInput) -> Signature:
    return Signature(inputs, ())


def test_several_images_have_different_photos_of_the_set_and_a_warning() -> None:
    found = load_calibration(load_spec("random"), signature(LEFT, RIGHT))
    for part in (found.calibration, found.held_out):
        left, right = part.arrays["left"], part.arrays["right"]
        assert left.shape == right.shape == (len(part), 8, 8, 3)
        assert np.array_equal(np.roll(left, 1, axis=0), right)
        assert not any(np.array_equal(one, other) for one, other in zip(left, right, strict=True))
    assert any("left, right had different photos" in warning and "FILE.npz" in warning for warning in found.warnings)


def test_plain_tensors_beside_images_are_random_and_a_warning_says_so() -> None:
    found = load_calibration(load_spec("random"), signature(LEFT, STATE, IDS))
    again = load_calibration(load_spec("random"), signature(LEFT, STATE, IDS))
    state, ids = found.calibration.arrays["state"], found.calibration.arrays["ids"]
    assert (state.shape, state.dtype.name, ids.shape, ids.dtype.name) == ((128, 4), "float32", (128, 3), "int64")
    assert set(np.unique(ids)) == {0, 1}
    assert np.array_equal(state, again.calibration.arrays["state"])
    assert not np.array_equal(state, found.held_out.arrays["state"])
    assert any("state, ids had random values" in warning and "FILE.npz" in warning for warning in found.warnings)


def test_a_network_without_images_gets_random_values_whatever_the_set() -> None:
    found = load_calibration(load_spec("scikit_image"), signature(STATE), 10)
    assert (len(found.calibration), len(found.held_out)) == (10, 128)
    assert not set(found.calibration.sha256) & set(found.held_out.sha256)
    assert any("Only 10 calibration samples; 100 or more" in warning for warning in found.warnings)


def file_of(path: Path, count: int) -> Path:
    values = np.random.default_rng(count).normal(size=(count, 4)).astype(np.float32)
    np.savez(path, state=values)
    return path


def test_a_file_of_samples_is_a_set(tmp_path: Path) -> None:
    path = file_of(tmp_path / "mine.npz", 300)
    found = load_calibration(load_spec(str(path)), signature(STATE))
    assert (found.name, found.domain, found.warnings) == ("mine", "own samples", ())
    assert (len(found.calibration), len(found.held_out)) == (172, 128)
    assert not set(found.calibration.sha256) & set(found.held_out.sha256)
    fewer = load_calibration(load_spec(str(path)), signature(STATE), 100)
    assert (len(fewer.calibration), fewer.held_out.sha256) == (100, found.held_out.sha256)


def test_the_order_of_samples_and_copies_do_not_matter(tmp_path: Path) -> None:
    path = file_of(tmp_path / "mine.npz", 80)
    values = np.load(path)["state"]
    np.savez(tmp_path / "other.npz", state=np.concatenate([values[::-1], values[:20]]))
    one, other = (
        load_calibration(load_spec(str(tmp_path / name)), signature(STATE)) for name in ("mine.npz", "other.npz")
    )
    assert one.calibration.sha256 == other.calibration.sha256
    assert np.array_equal(one.held_out.arrays["state"], other.held_out.arrays["state"])


def test_half_of_few_samples_is_held_out_and_warnings_say_so(tmp_path: Path) -> None:
    found = load_calibration(load_spec(str(file_of(tmp_path / "few.npz", 20))), signature(STATE))
    assert (len(found.calibration), len(found.held_out)) == (10, 10)
    assert any("Only 10 calibration samples" in warning for warning in found.warnings)
    assert any("Of the 20 samples in few.npz, 10 are held out" in note for note in found.notes)


def test_a_toml_finds_its_file_beside_it(tmp_path: Path) -> None:
    file_of(tmp_path / "mine.npz", 80)
    text = 'description = "mine"\nsource = "arrays"\ndomain = "own samples"\ncount = 30\nheld_out = 32\n'
    (tmp_path / "set.toml").write_text(f'{text}file = "mine.npz"\n')
    found = load_calibration(load_spec(str(tmp_path / "set.toml")), signature(STATE))
    assert (found.name, len(found.calibration), len(found.held_out)) == ("set", 30, 32)
    (tmp_path / "set.toml").write_text(text)
    with pytest.raises(ImageDataError, match=r"file: missing; source = 'arrays' needs it"):
        load_spec(str(tmp_path / "set.toml"))


def test_photos_in_a_file_are_pixels(tmp_path: Path) -> None:
    image = image_input(Preprocessing(8, 8))
    pixels = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "photos.npz", image=pixels)
    found = load_calibration(load_spec(str(tmp_path / "photos.npz")), signature(image))
    assert found.calibration.arrays["image"].dtype == np.uint8
    assert set(found.calibration.sha256) <= set(arrays.digests({"image": pixels}, 70))


def test_a_file_that_is_missing_or_of_another_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageDataError, match=r"nowhere\.npz does not exist"):
        load_calibration(load_spec(str(tmp_path / "nowhere.npz")), signature(STATE))
    with pytest.raises(ImageDataError, match=r"has state, and the network takes ids"):
        load_calibration(load_spec(str(file_of(tmp_path / "mine.npz", 9))), signature(IDS))
