"""``torch.save`` files, read without running code from them.

PyTorch's restricted unpickler calls only what is on its list: tensors, storages and plain containers. This module adds
what training scripts store beside the weights, and none of the classes themselves: each name gets a stand-in that is
written here and keeps data only. A class that is not listed ends the reading.
"""

import warnings
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch

# The types of numpy, by its own codes, that PyTorch has too.
_NUMBERS = frozenset(("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"))


class Settings:
    """For ``argparse.Namespace``, whose content is dropped: ``__setstate__`` keeps PyTorch from setting attributes."""

    def __setstate__(self, state: object) -> None:
        pass


class NumberType:
    """For ``numpy.dtype``: its code, or None for objects, records, text and times."""

    def __init__(self, code: object = "", *_: object) -> None:
        self.code = code if isinstance(code, str) and code in _NUMBERS else None
        self.order = "="

    def __setstate__(self, state: object) -> None:
        """``(version, byte order, ...)``, as numpy pickles it."""
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "=", "|"):
            self.order = state[1]

    def numpy(self) -> "np.dtype[Any] | None":
        return np.dtype(self.order + self.code) if self.code else None


class NumberArray:
    """For ``numpy.ndarray``: its numbers as a tensor, or None where it holds anything else."""

    tensor: torch.Tensor | None = None

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        """``(version, shape, type, column-major, bytes)``, as numpy pickles it."""
        match state:
            case (int(), tuple(shape), NumberType() as kind, bool(by_column), bytes(content)) if kind.numpy():
                flat = np.frombuffer(content, kind.numpy())
                array = flat.reshape(shape, order="F" if by_column else "C")
                native = array.astype(array.dtype.newbyteorder("="), order="C")  # a copy that may be written to
                self.tensor = torch.from_numpy(native)


def _number(kind: object, content: object) -> object:
    """For numpy's scalars: a Python number, or None."""
    found = kind.numpy() if isinstance(kind, NumberType) else None
    return np.frombuffer(content, found)[0].item() if found and isinstance(content, bytes) else None


def _dictionary(*_: object) -> dict[object, object]:
    """For ``collections.defaultdict``: its entries follow, and what it would make for a missing key is dropped."""
    return {}


def _no_bytes(*_: object) -> bytes:
    """For ``builtins.bytes``, with which ``b""`` is pickled; others are encoded strings."""
    return b""


def _path(*parts: object) -> str:
    return str(PurePosixPath(*map(str, parts)))


class _NotCallable:
    """For names that are stored but never needed, such as the ``list`` of ``defaultdict(list)``."""


_STAND_INS: dict[str, Any] = {
    "argparse.Namespace": Settings,
    "builtins.bytes": _no_bytes,
    "collections.defaultdict": _dictionary,
    "numpy.dtype": NumberType,
    "numpy.ndarray": _NotCallable(),
    **{f"numpy.{core}.multiarray.scalar": _number for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray._reconstruct": NumberArray for core in ("core", "_core")},
    # Python 3.13 pickles paths under pathlib._local, the others under pathlib.
    **{
        f"{module}.{kind}": _path
        for module in ("pathlib", "pathlib._local")
        for kind in ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")
    },
    **{f"builtins.{kind}": _NotCallable() for kind in ("bool", "int", "float", "str", "list", "tuple", "dict")},
}


def read(path: Path) -> object:
    """The content of a ``torch.save`` file, with tensors on the CPU.

    Raises:
        pickle.UnpicklingError: it contains a class that is not listed, or is not such a file.
        Exception: of any kind, if the file is damaged: its content decides what fails.
    """
    stand_ins: list[Any] = [(stand_in, name) for name, stand_in in _STAND_INS.items()]
    with torch.serialization.safe_globals(stand_ins), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the pickle protocol; the error that follows says it
        return torch.load(path, map_location="cpu", weights_only=True)
