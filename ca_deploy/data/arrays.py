"""Samples of a network's inputs in a file: ``.npz`` of named arrays, or ``.npy`` of the only input; batch first."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from ca_deploy.delivery import write_atomically
from ca_deploy.errors import ImageDataError, shown, wrong_in_file
from ca_deploy.files import sha256_of_bytes
from ca_deploy.records.input_wish import InputWish
from ca_deploy.records.preprocessing import Channels
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkInput, Signature
from ca_deploy.records.tensors import DType

SUFFIXES = (".npz", ".npy")
_DIGESTS = "sha256"
_EARLY_PIXELS = "pixels"  # what ca-deploy 0.1.0 called the only image
_MOST_BYTES = 16 * 2**30
_CHANNELS: dict[int, Channels] = {1: "grey", 4: "RGBA"}  # of three, the options say whether they are RGB or BGR


def save(path: Path, samples: Samples) -> None:
    """Write an ``.npz`` that :func:`load` reads, to repeat a comparison on another machine.

    Raises:
        OutputError: the file cannot be written.
    """
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {_DIGESTS: np.array(samples.sha256), **samples.arrays}
    np.savez_compressed(buffer, **arrays)
    write_atomically(path, buffer.getvalue())


def load(path: Path, signature: Signature) -> Samples:
    """The samples in a file, in its order.

    An image is uint8 ``(N, H, W, C)``, cropped but not normalised, or float ``(N, C, H, W)``, normalised already.

    Raises:
        ImageDataError: the file is missing or damaged, or its arrays do not match the inputs by name, type or shape.
    """
    arrays = _read(path)
    known = arrays.pop(_DIGESTS, None) if _DIGESTS not in {taken.name for taken in signature.inputs} else None
    given = _by_input(path, arrays, [taken.name for taken in signature.inputs])
    checked = {taken.name: _checked(path, taken, given[taken.name]) for taken in signature.inputs}
    counts = {name: len(array) for name, array in checked.items()}
    if len(set(counts.values())) > 1 or not min(counts.values()):
        listed = ", ".join(f"{count} of {shown(name)}" for name, count in counts.items())
        raise ImageDataError(f"Samples {path} has {listed}. All inputs need the same number of samples, at least one.")
    count = min(counts.values())
    names = tuple(map(str, range(count)))
    if known is not None and known.dtype.kind == "U" and known.shape == (count,):
        return Samples(checked, tuple(map(str, known)), names)
    return Samples(checked, digests(checked, count), names)


def digests(arrays: Mapping[str, NDArray[Any]], count: int) -> tuple[str, ...]:
    """The sha256 of each of ``count`` samples, over all its inputs."""
    names = sorted(arrays)
    return tuple(sha256_of_bytes(b"".join(arrays[name][row].tobytes() for name in names)) for row in range(count))


def wishes_of(path: Path) -> tuple[InputWish, ...]:
    """What the arrays in a file say of a network's inputs, by name; "" is the array of an ``.npy``.

    Raises:
        ImageDataError: the file is missing or damaged.
    """
    found = []
    for name, array in _read(path).items():
        if name == _DIGESTS:
            continue
        if array.ndim == 0 or not len(array):
            what = "no batch in front" if array.ndim == 0 else "no samples"
            raise ImageDataError(f"Samples {path}: {shown(name) or 'its array'} has {what}, {array.shape}.")
        if array.dtype == np.uint8 and _is_picture(array.shape):
            height, width, depth = (*map(int, array.shape[1:]), 1)[:3]
            found.append(InputWish(name, size=(height, width), channels=_CHANNELS.get(depth)))
        else:
            found.append(InputWish(name, tuple(map(int, array.shape[1:])), _network_dtype(path, name, array)))
    return tuple(found)


def _read(path: Path) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        raise ImageDataError(
            f"Samples {path} do not exist. Pass an .npz of named arrays, or an .npy of the only input."
        )
    try:
        if path.suffix == ".npy":
            return {"": np.load(path, allow_pickle=False)}
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > _MOST_BYTES:
            raise ValueError(f"it unpacks to {size / 2**30:.0f} GiB, and {_MOST_BYTES // 2**30} GiB are the limit")
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        if strange := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
            raise ValueError(f"{shown(strange[0])} is not an array")
        if _DIGESTS in arrays:
            _ = [str(text) for text in arrays[_DIGESTS].ravel()]  # numbers that are no characters are a SystemError
        return arrays
    except Exception as error:  # damaged ones raise whatever zlib, zipfile, tokenize or numpy raises
        raise ImageDataError(
            f"Samples {path} cannot be read ({wrong_in_file(error)}). Write them with numpy.savez(FILE, NAME=array, "
            "…), one array of numbers per input, with the batch first."
        ) from error


def read_arrays(path: Path, names: Sequence[str]) -> Mapping[str, NDArray[Any]]:
    """The arrays in a file by the names of a model's inputs, of any shape and type.

    Raises:
        ImageDataError: the file is missing or damaged, or its arrays have other names.
    """
    arrays = _read(path)
    return _by_input(path, {name: value for name, value in arrays.items() if name != _DIGESTS or name in names}, names)


def _by_input(path: Path, arrays: Mapping[str, NDArray[Any]], names: Sequence[str]) -> Mapping[str, NDArray[Any]]:
    only = names[0] if len(names) == 1 else None
    if only is not None and only not in arrays and set(arrays) in ({""}, {_EARLY_PIXELS}):
        return {only: next(iter(arrays.values()))}
    held = ", ".join(map(shown, arrays)) if "" not in arrays else "one array without a name"
    missing, unknown = [name for name in names if name not in arrays], [name for name in arrays if name not in names]
    if missing or unknown:
        wanted = [shown(name) for name in names]
        raise ImageDataError(
            f"Samples {path} has {held or 'no array'}, and the network takes {', '.join(wanted)}: name the arrays "
            "after the inputs, numpy.savez(FILE, " + ", ".join(f"{name}=…" for name in wanted) + ")."
        )
    return arrays


def _checked(path: Path, taken: NetworkInput, array: NDArray[Any]) -> NDArray[Any]:
    shape = taken.shape[1:]
    wanted = f"({', '.join(('N', *map(str, shape)))}) of {taken.dtype}"
    if taken.preprocessing is not None:
        if array.dtype == np.uint8 and array.shape[1:] == taken.pixels_shape[:2]:
            array = array[..., None]  # grey
        if array.dtype == np.uint8 and array.shape[1:] == taken.pixels_shape:
            return array
        wanted = f"{wanted}, normalised, or pixels ({', '.join(('N', *map(str, taken.pixels_shape)))}) of uint8"
    kinds = {"f": "f", "i": "iu", "u": "iu", "b": "b"}[np.dtype(taken.dtype).kind]
    if array.ndim == 0 or array.shape[1:] != shape or array.dtype.kind not in kinds:
        raise ImageDataError(
            f"Samples {path}: {shown(taken.name)} is {array.shape} of {array.dtype}, and has to be {wanted}."
        )
    with np.errstate(over="ignore"):
        fed = array.astype(taken.dtype, copy=False)
    if fed.dtype.kind == "f" and not np.isfinite(fed).all():
        raise ImageDataError(
            f"Samples {path}: {shown(taken.name)} has NaN or infinity as {taken.dtype}. Leave those samples out."
        )
    if fed.dtype.kind in "iu" and not np.array_equal(fed, array):
        raise ImageDataError(
            f"Samples {path}: {shown(taken.name)} has numbers from {array.min()} to {array.max()}, which "
            f"{taken.dtype} cannot hold. Leave those samples out."
        )
    return fed


def _network_dtype(path: Path, name: str, array: NDArray[Any]) -> DType:
    """The type that a network takes; floats of any width are float32."""
    dtype = "float32" if array.dtype.kind == "f" else array.dtype.name
    if dtype not in get_args(DType):
        raise ImageDataError(
            f"Samples {path}: {shown(name) or 'its array'} is of {array.dtype}, which no network takes."
        )
    return cast(DType, dtype)


def _is_picture(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3, 4))
