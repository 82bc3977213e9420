"""Arrays in an ``.npz``, or the one of an ``.npy``: what their headers say, and their values, as far as those go."""

import math
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ca_deploy.errors import ImageDataError, shown
from ca_deploy.files import other_kind
from ca_deploy.processes.memory import available_bytes

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}  # later ones name fields of records
_WRITE = "Write them with numpy.savez(FILE, NAME=array, …), one array of numbers per input, with the batch first."


class _Unusable(Exception):
    """Why a file cannot be used, in a sentence without its name."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the file says of an array before its values; ``name`` is "" in an ``.npy``.

    ``by_columns``: its values lie in Fortran's order.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    by_columns: bool = False

    @property
    def size_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def first(self, rows: int) -> "Header":
        """Of the array's first rows, to read no more than those; of all where they do not lie together."""
        return self if self.by_columns or not self.shape else replace(self, shape=(rows, *self.shape[1:]))


def check_place(path: Path) -> None:
    """Reject a path that cannot be a file of samples.

    Raises:
        ImageDataError: missing, or not a regular file.
    """
    if kind := other_kind(path):
        raise ImageDataError(
            f"The file of samples {path} {kind}. Pass an .npz of named arrays, or an .npy of the only input."
        )


def headers_of(path: Path) -> dict[str, Header]:
    """The arrays by name. No values are read, whatever size they unpack to.

    Raises:
        ImageDataError: the file is missing or damaged, or holds something else than arrays of plain values.
    """
    check_place(path)
    with _refusing(path), _members(path) as members:
        found = {}
        for name, (opened, size_bytes) in members.items():
            with opened() as stream:
                found[name] = _header(name, stream, size_bytes)
        return found


def values_of(path: Path, headers: Sequence[Header]) -> dict[str, NDArray[Any]]:
    """The arrays of these headers by name; of those that :meth:`Header.first` made, their first rows.

    Raises:
        ImageDataError: the file is damaged, or the arrays take more memory than there is.
    """
    with _refusing(path), _members(path) as members:
        needed, free = sum(header.size_bytes for header in headers), available_bytes()
        if needed > free:
            raise _Unusable(f"it unpacks to {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB of memory are free")
        found = {}
        for header in headers:
            opened, size_bytes = members[header.name]
            with opened() as stream:
                if _header(header.name, stream, size_bytes).shape != header.shape:
                    rows = bytearray(stream.read(header.size_bytes))
                    found[header.name] = np.ndarray(header.shape, header.dtype, rows)
                    continue
            with opened() as stream:
                found[header.name] = npy.read_array(stream, allow_pickle=False)
        return found


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except _Unusable as error:
        raise ImageDataError(f"Samples {path} cannot be read ({error}). {_WRITE}") from None
    except Exception as error:  # damaged ones raise whatever zlib, zipfile, tokenize or numpy raises
        raise ImageDataError(f"Samples {path} cannot be read (it is truncated or damaged). {_WRITE}") from error


@contextmanager
def _members(path: Path) -> Iterator[Mapping[str, tuple[Callable[[], IO[bytes]], int]]]:
    """How each array is opened, and the size in bytes that it has unpacked, with its header."""
    if path.suffix == ".npy":
        yield {"": (lambda: path.open("rb"), path.stat().st_size)}
        return
    with zipfile.ZipFile(path) as archive:
        yield {
            member.filename.removesuffix(".npy"): (partial(archive.open, member), member.file_size)
            for member in archive.infolist()
        }


def _header(name: str, stream: IO[bytes], size_bytes: int) -> Header:
    what = shown(name) or "its array"
    try:
        shape, by_columns, dtype = _HEADERS[npy.read_magic(stream)](stream)
    except Exception as error:  # it is an expression of Python, read by ast, tokenize and numpy
        raise _Unusable(f"{what} is not an array, or its header is damaged") from error
    if dtype.hasobject or dtype.names is not None or dtype.subdtype is not None:
        raise _Unusable(f"{what} has Python objects or records, and not plain values")
    found = Header(name, tuple(map(int, shape)), dtype, by_columns)
    there = size_bytes - stream.tell()
    if min(found.shape, default=0) < 0 or found.size_bytes > there:
        raise _Unusable(
            f"the header of {what} says {found.shape} of {dtype}, which are {found.size_bytes} bytes, and there are "
            f"{there}"
        )
    return found
