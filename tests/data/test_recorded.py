"""Held-out images are found again by the manifest's hashes: the same ones, wherever they are, or none."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ca_deploy.data.calibration import CalibrationSet, load_calibration, load_spec
from ca_deploy.data.recorded import held_out_again
from ca_deploy.errors import ImageDataError, UsageError
from ca_deploy.records.codec import decode, parse_json, to_json
from ca_deploy.records.image_set import ImageSet
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkInput, Signature
from tests.samples import signature_of

SIGNATURE = signature_of(Preprocessing(8, 8))
PAIR = Signature(
    (
        *(NetworkInput(name, (1, 3, 8, 8), preprocessing=Preprocessing(8, 8)) for name in ("left", "right")),
        NetworkInput("state", (1, 4)),
    ),
    (),
)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A hundred different photos in two folders."""
    random = np.random.default_rng(0)
    for number in range(100):
        path = tmp_path / "photos" / ("ab"[number % 2]) / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 9, 3), np.uint8)).save(path)
    return tmp_path / "photos"


def recorded(found: CalibrationSet, beside: Path) -> ImageSet:
    """As it is read from a manifest."""
    return decode(ImageSet, parse_json(to_json(found.record(beside, calibrated=True))))


def equal(one: Samples, other: Samples) -> bool:
    return one.sha256 == other.sha256 and all(np.array_equal(one.arrays[key], other.arrays[key]) for key in one.arrays)


@pytest.mark.parametrize("signature", [SIGNATURE, PAIR], ids=["one image", "two and a tensor"])
@pytest.mark.parametrize("name", ["photos", "distilled_flowers5", "scikit_image", "random"])
def test_the_same_images_are_found_again(photos: Path, name: str, signature: Signature) -> None:
    where = str(photos) if name == "photos" else name
    found = load_calibration(load_spec(where), signature)
    again = held_out_again(recorded(found, photos.parent / "out"), signature, photos.parent / "out")
    assert equal(again.samples, found.held_out)
    assert again.losses == ""


def test_only_the_users_folder_has_a_place_and_it_is_relative(photos: Path) -> None:
    out = photos.parent / "out"
    own = recorded(load_calibration(load_spec(str(photos)), SIGNATURE), out)
    assert (own.place, own.label) == (Path("../photos"), "photos/")
    inside = recorded(load_calibration(load_spec(str(photos)), SIGNATURE), photos)
    assert (inside.place, inside.label) == (Path(), "photos/")
    toml = photos.parent / "mine.toml"
    toml.write_text(
        'description = "mine"\nsource = "folder"\nfolder = "photos"\ndomain = "own photos"\ncount = 9\nheld_out = 40\n'
    )
    described = recorded(load_calibration(load_spec(str(toml)), SIGNATURE), out)
    assert (described.name, described.place, described.label) == ("mine", Path("../photos"), "photos/")
    shipped = recorded(load_calibration(load_spec("distilled_flowers5"), SIGNATURE), out)
    assert (shipped.place, shipped.label) == (None, "distilled_flowers5")


def test_a_folder_that_moved_is_named_and_found(photos: Path) -> None:
    out = photos.parent / "out"
    found = load_calibration(load_spec(str(photos)), SIGNATURE)
    known = recorded(found, out)
    there = photos.rename(photos.parent / "elsewhere")
    with pytest.raises(ImageDataError, match=r"50 held-out images were in photos/.*--images PATH"):
        held_out_again(known, SIGNATURE, out)
    assert equal(held_out_again(known, SIGNATURE, out, there).samples, found.held_out)


def test_missing_and_changed_ones_are_counted_and_the_first_named(photos: Path) -> None:
    found = load_calibration(load_spec(str(photos)), SIGNATURE)
    known = recorded(found, photos)
    names = list(known.held_out)
    for name in names[:5]:
        (photos / name).unlink()
    Image.new("RGB", (9, 8)).save(photos / names[6])
    (photos / names[7]).rename(photos / "renamed.png")
    again = held_out_again(known, SIGNATURE, photos)
    assert again.losses == f"5 missing: {names[0]}, {names[1]}, {names[2]} and 2 more; 1 changed: {names[6]}"
    kept = [row for row in range(50) if row > 4 and row != 6]
    assert equal(again.samples, found.held_out.rows(kept))


def test_of_several_images_a_sample_goes_with_any_of_its_photos(photos: Path) -> None:
    found = load_calibration(load_spec(str(photos)), PAIR)
    known = recorded(found, photos)
    (photos / list(known.held_out)[3]).unlink()
    again = held_out_again(known, PAIR, photos)
    assert equal(again.samples, found.held_out.rows([row for row in range(50) if row not in (3, 4)]))


def test_samples_of_a_file_are_found_in_any_order(tmp_path: Path) -> None:
    signature = Signature((NetworkInput("state", (1, 4)),), ())
    values = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)
    np.savez(tmp_path / "mine.npz", state=values)
    found = load_calibration(load_spec(str(tmp_path / "mine.npz")), signature)
    known = recorded(found, tmp_path)
    assert (known.place, known.label) == (Path("mine.npz"), "mine.npz")
    np.savez(tmp_path / "other.npz", state=values[::-1])
    assert equal(held_out_again(known, signature, tmp_path, tmp_path / "other.npz").samples, found.held_out)
    lost = int(next(iter(known.held_out)))
    np.savez(tmp_path / "mine.npz", state=np.delete(values, lost, 0))
    again = held_out_again(known, signature, tmp_path)
    assert (len(again.samples), again.losses) == (39, f"1 missing: sample {lost}")


def test_images_that_are_made_anew_and_differ_are_dropped() -> None:
    found = load_calibration(load_spec("random"), SIGNATURE)
    known = recorded(found, Path())
    other = dict.fromkeys(known.held_out, "another")
    again = held_out_again(
        ImageSet("random", "random", held_out={**known.held_out, "5": other["5"]}), SIGNATURE, Path()
    )
    assert (len(again.samples), again.losses) == (127, "1 changed: 5")


def test_a_set_without_files_cannot_have_moved(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the set random has no files.*pass --calibration"):
        held_out_again(ImageSet("random", "random", held_out={"0": "aa"}), SIGNATURE, tmp_path, tmp_path)


def test_earlier_manifests_know_hashes_only(photos: Path) -> None:
    found = load_calibration(load_spec(str(photos)), SIGNATURE)
    early = ImageSet("photos", None, held_out={digest: digest for digest in found.held_out.sha256})
    assert equal(held_out_again(early, SIGNATURE, Path(), photos).samples, found.held_out)
    with pytest.raises(UsageError, match=r"does not say where its images are.*--images FOLDER"):
        held_out_again(early, SIGNATURE, Path())
    shipped = load_calibration(load_spec("distilled_flowers5"), SIGNATURE)
    early = ImageSet("distilled_flowers5", None, held_out={digest: digest for digest in shipped.held_out.sha256})
    assert equal(held_out_again(early, SIGNATURE, Path()).samples, shipped.held_out)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/secret.png"])
def test_no_name_in_a_manifest_leads_out_of_its_folder(photos: Path, name: str) -> None:
    outside = photos.parent / "secret.png"
    Image.new("RGB", (8, 8), "red").save(outside)
    known = ImageSet("photos", "folder", place=Path("photos"), held_out={name: "aa"})
    assert held_out_again(known, SIGNATURE, photos.parent).losses == f"1 missing: {name}"
