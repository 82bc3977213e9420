"""Samples of a network's inputs in a file: ``.npz`` of named arrays, or ``.npy`` of the only input; batch first."""

import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from ca_deploy.data.array_file import Header, headers_of, values_of
from ca_deploy.delivery import write_atomically
from ca_deploy.errors import ImageDataError, shown
from ca_deploy.files import sha256_of_bytes
from ca_deploy.records.input_wish import InputWish
from ca_deploy.records.preprocessing import Channels
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkInput, Signature
from ca_deploy.records.tensors import DType

SUFFIXES = (".npz", ".npy")
_DIGESTS = "sha256"
_EARLY_PIXELS = "pixels"  # what ca-deploy 0.1.0 called the only image
_DIGEST_BYTES = 4 * 128  # of a text of 128 characters
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


def load(path: Path, signature: Signature, most: int = sys.maxsize) -> Samples:
    """The samples in a file, in its order; at most the first ``most``, and no more of them is read.

    An image is uint8 ``(N, H, W, C)``, cropped but not normalised, or float ``(N, C, H, W)``, normalised already.

    Raises:
        ImageDataError: the file is missing or damaged, or its arrays do not match the inputs by name, type or shape.
    """
    headers = headers_of(path)
    names = [taken.name for taken in signature.inputs]
    known = headers.pop(_DIGESTS, None) if _DIGESTS not in names else None
    given = _by_input(path, headers, names)
    for taken in signature.inputs:
        _check_shape(path, taken, given[taken.name])
    all_of_them = common_count(path, {name: header.shape[0] for name, header in given.items()})
    count = min(all_of_them, most)
    values = values_of(path, [header.first(count) for header in given.values()])
    checked = {
        taken.name: _converted(path, taken, values[given[taken.name].name][:count]) for taken in signature.inputs
    }
    return Samples(
        checked,
        _known_digests(path, known, all_of_them)[:count] or digests(checked, count),
        tuple(map(str, range(count))),
    )


def common_count(path: Path, counts: Mapping[str, int]) -> int:
    """The number of samples, which all inputs have.

    Raises:
        ImageDataError: they have different numbers, or none.
    """
    if len(set(counts.values())) > 1 or not min(counts.values()):
        listed = ", ".join(f"{count} of {shown(name)}" for name, count in counts.items())
        raise ImageDataError(f"Samples {path} has {listed}. All inputs need the same number of samples, at least one.")
    return min(counts.values())


def _known_digests(path: Path, header: Header | None, count: int) -> tuple[str, ...]:
    """Those that :func:`save` wrote, of the files that the samples were made of; () where there are none."""
    if header is None or header.dtype.kind != "U" or header.shape != (count,) or header.dtype.itemsize > _DIGEST_BYTES:
        return ()
    try:
        return tuple(map(str, values_of(path, [header])[_DIGESTS]))
    except (SystemError, ValueError) as error:  # numbers that are not characters
        raise ImageDataError(f"Samples {path}: {_DIGESTS} is not text. Write the samples again.") from error


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
    for name, array in headers_of(path).items():
        if name == _DIGESTS:
            continue
        if not array.shape or not array.shape[0]:
            what = "no samples" if array.shape else "no batch in front"
            raise ImageDataError(f"Samples {path}: {shown(name) or 'its array'} has {what}, {array.shape}.")
        if array.dtype == np.uint8 and _is_picture(array.shape):
            height, width, depth = (*array.shape[1:], 1)[:3]
            found.append(InputWish(name, size=(height, width), channels=_CHANNELS.get(depth)))
        else:
            found.append(InputWish(name, array.shape[1:], _network_dtype(path, name, array)))
    return tuple(found)


def described(path: Path, names: Sequence[str]) -> Mapping[str, Header]:
    """The arrays in a file by the names of a model's inputs, of any shape and type; their values are not read.

    Raises:
        ImageDataError: the file is missing or damaged, or its arrays have other names.
    """
    headers = headers_of(path)
    if _DIGESTS not in names:
        headers.pop(_DIGESTS, None)
    return _by_input(path, headers, names)


def _by_input(path: Path, arrays: Mapping[str, Header], names: Sequence[str]) -> Mapping[str, Header]:
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


def _is_pixels(taken: NetworkInput, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Whether it is a picture for this input that is not normalised yet; a grey one may lack its last axis."""
    if taken.preprocessing is None or dtype != np.uint8:
        return False
    return shape[1:] == taken.pixels_shape or (*shape[1:], 1) == taken.pixels_shape


def _check_shape(path: Path, taken: NetworkInput, header: Header) -> None:
    shape = taken.shape[1:]
    wanted = f"({', '.join(('N', *map(str, shape)))}) of {taken.dtype}"
    if taken.preprocessing is not None:
        wanted = f"{wanted}, normalised, or pixels ({', '.join(('N', *map(str, taken.pixels_shape)))}) of uint8"
    if _is_pixels(taken, header.shape, header.dtype):
        return
    kinds = {"f": "f", "i": "iu", "u": "iu", "b": "b"}[np.dtype(taken.dtype).kind]
    if not header.shape or header.shape[1:] != shape or header.dtype.kind not in kinds:
        raise ImageDataError(
            f"Samples {path}: {shown(taken.name)} is {header.shape} of {header.dtype}, and has to be {wanted}."
        )


def _converted(path: Path, taken: NetworkInput, array: NDArray[Any]) -> NDArray[Any]:
    """Pixels as they are, with their last axis; other values in the input's own type.

    Raises:
        ImageDataError: that type does not hold them.
    """
    if _is_pixels(taken, array.shape, array.dtype):
        return array.reshape(len(array), *taken.pixels_shape)
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


def _network_dtype(path: Path, name: str, array: Header) -> DType:
    """The type that a network takes; floats of any width are float32."""
    dtype = "float32" if array.dtype.kind == "f" else array.dtype.name
    if dtype not in get_args(DType):
        raise ImageDataError(
            f"Samples {path}: {shown(name) or 'its array'} is of {array.dtype}, which no network takes."
        )
    return cast(DType, dtype)


def _is_picture(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3, 4))
