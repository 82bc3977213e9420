"""The model files that can be read. One module here is one file format; its ``READER`` describes it.

The description is light: the parser that it names, and the libraries behind it, are imported when a file is read.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.plugins import load, names_in

if TYPE_CHECKING:
    from ca_deploy.graphs import Graph

# Flatbuffers and protobufs end at 2 GiB: their offsets and lengths are signed 32-bit numbers.
SIGNED_32_BIT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Reader:
    """One file format. ``parser`` is ``module:function(path) -> Graph``.

    ``is_folder``: a "file" of this format is a folder. ``largest_bytes``: what the format's offsets can address,
    None where nothing limits it.
    """

    suffix: str
    parser: str
    is_folder: bool = False
    largest_bytes: int | None = None

    def parse(self, path: Path) -> "Graph":
        parser: Callable[[Path], Graph] = load(self.parser)
        return parser(path)


@cache
def by_suffix() -> dict[str, Reader]:
    """Suffix -> the reader of such files, in the order of the formats' names."""
    found: list[Reader] = [importlib.import_module(f"{__name__}.{name}").READER for name in names_in(__path__)]
    return {reader.suffix: reader for reader in found}
