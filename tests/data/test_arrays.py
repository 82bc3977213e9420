"""Samples in a file: what numpy wrote is taken by name, and whatever does not match is named with its remedy."""

import io
import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from ca_deploy.data import array_file, arrays
from ca_deploy.errors import ImageDataError
from ca_deploy.records.input_wish import InputWish
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.signature import NetworkInput, Signature
from tests.samples import image_input

COLOUR = image_input(Preprocessing(4, (4, 5)))
GREY = image_input(Preprocessing(4, (4, 5), (0.5,), (0.5,), channels="grey"))
STATE = NetworkInput("state", (1, 7))
INDEX = NetworkInput("index", (1,), "int32")
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), np.uint8)
STATES = np.random.default_rng(1).normal(size=(3, 7)).astype(np.float32)


def signature(*inputs: NetworkInput) -> Signature:
    return Signature(inputs, ())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "samples.npz"


def written(file: Path, **named: NDArray[Any]) -> Path:
    np.savez(file, **named)  # type: ignore[arg-type]
    return file


def test_what_was_saved_is_loaded(file: Path) -> None:
    both = signature(COLOUR, STATE)
    samples = arrays.load(written(file, image=PIXELS, state=STATES), both)
    arrays.save(file, samples)
    again = arrays.load(file, both)
    assert again.sha256 == samples.sha256
    assert len(set(again.sha256)) == 3
    assert all(np.array_equal(again.arrays[name], array) for name, array in samples.arrays.items())


def test_the_digests_of_photos_are_kept_and_strange_ones_are_not(file: Path) -> None:
    kept = arrays.load(written(file, image=PIXELS, sha256=np.array(["a", "b", "c"])), signature(COLOUR))
    assert kept.sha256 == ("a", "b", "c")
    for strange in (np.array(["a"]), np.arange(3)):
        found = arrays.load(written(file, image=PIXELS, sha256=strange), signature(COLOUR))
        assert all(len(digest) == 64 for digest in found.sha256)


def test_the_only_input_needs_no_name(tmp_path: Path, file: Path) -> None:
    np.save(tmp_path / "one.npy", STATES)
    assert np.array_equal(arrays.load(tmp_path / "one.npy", signature(STATE)).arrays["state"], STATES)
    early = arrays.load(written(file, pixels=PIXELS, sha256=np.array(["a", "b", "c"])), signature(COLOUR))
    assert np.array_equal(early.arrays["image"], PIXELS)  # as 0.1.0 wrote it
    assert early.sha256 == ("a", "b", "c")


def test_an_image_is_pixels_or_normalised_already(file: Path) -> None:
    planes = np.random.default_rng(2).normal(size=(3, 3, 4, 5))
    found = arrays.load(written(file, image=planes), signature(COLOUR)).arrays["image"]
    assert (found.shape, found.dtype.name) == ((3, 3, 4, 5), "float32")
    assert arrays.load(written(file, image=PIXELS), signature(COLOUR)).arrays["image"].dtype == np.uint8


def test_grey_pixels_may_lack_their_last_axis(file: Path) -> None:
    flat = PIXELS[..., 0]
    found = arrays.load(written(file, image=flat), signature(GREY)).arrays["image"]
    assert np.array_equal(found, flat[..., None])


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_floats_of_any_width_and_integers_that_fit_get_the_networks_type(file: Path, dtype: str) -> None:
    given = {"state": STATES.astype(dtype), "index": np.array([1, -2, 3], np.int64)}
    found = arrays.load(written(file, **given), signature(STATE, INDEX)).arrays
    assert (found["state"].dtype.name, found["index"].dtype.name) == ("float32", "int32")
    assert found["index"].tolist() == [1, -2, 3]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"image": PIXELS}, r"has image, and the network takes image, state: .*numpy\.savez\(FILE, image=…, state=…\)"),
        ({"image": PIXELS, "state": STATES, "more": STATES}, "has image, state, more, and the network takes image, st"),
        ({}, "has no array, and the network takes"),
        ({"image": PIXELS, "state": STATES[:2]}, r"has 3 of image, 2 of state\. All inputs need the same number"),
        ({"image": PIXELS[:0], "state": STATES[:0]}, r"has 0 of image, 0 of state.*at least one"),
        (
            {"image": PIXELS[:, :3], "state": STATES},
            r"image is \(3, 3, 5, 3\) of uint8, and has to be \(N, 3, 4, 5\)",
        ),
        ({"image": PIXELS.astype(float), "state": STATES}, r"normalised, or pixels \(N, 4, 5, 3\) of uint8\."),
        ({"image": PIXELS, "state": STATES[0, 0]}, r"state is \(\) of float32, and has to be \(N, 7\) of float32\."),
        (
            {"image": PIXELS, "state": STATES.astype(int)},
            r"state is \(3, 7\) of int64, and has to be \(N, 7\)",
        ),
        ({"image": PIXELS, "state": STATES * np.nan}, r"state has NaN or infinity as float32\. Leave those"),
        ({"image": PIXELS, "state": np.full((3, 7), 1e300)}, r"state has NaN or infinity"),
    ],
)
def test_what_does_not_match_is_named(file: Path, given: dict[str, NDArray[Any]], said: str) -> None:
    with pytest.raises(ImageDataError, match=said) as error:
        arrays.load(written(file, **given), signature(COLOUR, STATE))
    assert str(file) in str(error.value)


def test_integers_that_the_networks_type_cannot_hold_are_refused(file: Path) -> None:
    with pytest.raises(ImageDataError, match=r"index has numbers from 0 to 3000000000, which int32 cannot hold"):
        arrays.load(written(file, index=np.array([0, 3_000_000_000])), signature(INDEX))


def damaged(file: Path, kind: str) -> Path:
    """A file of one array that cannot be read."""
    if kind == "object":
        np.savez(file, state=np.array([{"a": 1}], object))
        return file
    np.savez_compressed(file, state=STATES)
    content = bytearray(file.read_bytes())
    if kind == "truncated":
        del content[len(content) // 2 :]
    elif kind == "empty":
        content.clear()
    else:
        content[:] = b"no archive"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("kind", ["object", "truncated", "empty", "text"])
def test_a_file_that_cannot_be_read_is_named_with_the_remedy(file: Path, kind: str) -> None:
    path = damaged(file, kind)
    for read in (lambda: arrays.load(path, signature(STATE)), lambda: arrays.wishes_of(path)):
        with pytest.raises(ImageDataError, match=r"samples\.npz cannot be read .*numpy\.savez\(FILE, NAME=array"):
            read()


def test_a_damaged_array_without_an_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "one.npy"
    np.save(path, STATES)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ImageDataError, match=r"one\.npy cannot be read"):
        arrays.load(path, signature(STATE))


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_no_byte_that_is_damaged_ends_in_anything_else(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"samples{suffix}"
    if suffix == ".npz":
        np.savez_compressed(path, state=STATES)
    else:
        np.save(path, STATES)
    content, refused = path.read_bytes(), 0
    for place in range(0, len(content), 2):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            arrays.load(path, signature(STATE))
        except ImageDataError:
            refused += 1
    assert refused > 20


def test_an_archive_that_would_fill_the_memory_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_file, "available_bytes", lambda: 64)
    with pytest.raises(ImageDataError, match="GiB of memory are free"):
        arrays.load(written(file, state=STATES), signature(STATE))


def test_what_does_not_fit_is_refused_before_it_is_unpacked(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, header = np.zeros((1 << 20, 9), np.uint8), io.BytesIO()
    np.savez_compressed(file, state=content)
    assert file.stat().st_size < content.nbytes / 500
    monkeypatch.setattr("numpy.lib.format.read_array", lambda *_, **__: pytest.fail("its values were read"))
    for taken in (STATE, COLOUR):
        with pytest.raises(ImageDataError, match=r"is \(1048576, 9\) of uint8|has state, and the network takes image"):
            arrays.load(file, signature(taken))
    assert arrays.wishes_of(file) == (InputWish("state", (9,), "uint8"),)
    says = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 7)}
    np.lib.format.write_array_header_1_0(header, says)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("state.npy", header.getvalue() + bytes(28))
    with pytest.raises(ImageDataError, match=r"header of state says \(1000000000000, 7\) of float32.*there are 28"):
        arrays.load(file, signature(STATE))
    file.with_suffix(".npy").write_bytes(header.getvalue() + bytes(28))
    with pytest.raises(ImageDataError, match="the header of its array says"):
        arrays.load(file.with_suffix(".npy"), signature(STATE))


def test_the_order_of_fortran_and_records(file: Path) -> None:
    found = arrays.load(written(file, state=np.asfortranarray(STATES)), signature(STATE)).arrays["state"]
    assert np.array_equal(found, STATES)
    with pytest.raises(ImageDataError, match="state has Python objects or records"):
        arrays.load(written(file, state=np.zeros(3, [("a", "f4")])), signature(STATE))


def test_what_arrays_say_of_the_inputs(tmp_path: Path, file: Path) -> None:
    written(
        file,
        image=PIXELS,
        grey=PIXELS[..., 0],
        state=STATES.astype(np.float64),
        planes=PIXELS.astype(np.float32),
        ids=np.zeros((3, 2), np.int64),
        bytes=np.zeros((3, 9), np.uint8),
        sha256=np.array(["a", "b", "c"]),
    )
    assert arrays.wishes_of(file) == (
        InputWish("image", size=(4, 5)),
        InputWish("grey", size=(4, 5), channels="grey"),
        InputWish("state", (7,)),
        InputWish("planes", (4, 5, 3)),
        InputWish("ids", (2,), "int64"),
        InputWish("bytes", (9,), "uint8"),
    )
    np.save(tmp_path / "one.npy", STATES)
    assert arrays.wishes_of(tmp_path / "one.npy") == (InputWish("", (7,)),)
    for empty, what in ((np.array(3.0), "no batch in front"), (STATES[:0], "no samples")):
        with pytest.raises(ImageDataError, match=f"x has {what}"):
            arrays.wishes_of(written(file, x=empty))
    with pytest.raises(ImageDataError, match="x is of complex64, which no network takes"):
        arrays.wishes_of(written(file, x=np.zeros((3, 2), np.complex64)))
    with pytest.raises(ImageDataError, match="x is of <U1, which no network takes"):
        arrays.wishes_of(written(file, x=np.array(["a", "b"])))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_the_first_samples_are_those_of_the_whole_file(tmp_path: Path, suffix: str, order: Literal["C", "F"]) -> None:
    path = tmp_path / f"samples{suffix}"
    states = np.asarray(STATES, order=order)
    if suffix == ".npz":
        np.savez_compressed(path, state=states)
    else:
        np.save(path, states)
    first = arrays.load(path, signature(STATE), most=2)
    whole = arrays.load(path, signature(STATE))
    assert first.sha256 == whole.sha256[:2]
    assert np.array_equal(first.arrays["state"], STATES[:2])
    assert len(arrays.load(path, signature(STATE), most=100)) == len(whole)


def test_no_more_is_unpacked_than_the_first_samples(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(file, state=np.zeros((1_000_000, 7), np.float32))
    monkeypatch.setattr(array_file, "available_bytes", lambda: 200)  # of 28 MB
    assert len(arrays.load(file, signature(STATE), most=4)) == 4
