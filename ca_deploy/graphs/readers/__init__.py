"""The registry of model file formats. Each module here is one format; its ``READER`` describes it.

The descriptions are light: a parser and the libraries it needs are imported only when a file is read.
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

# Flatbuffers and protobufs end at 2 GiB: their offsets and lengths are signed 32-bit integers.
SIGNED_32_BIT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Reader:
    """One file format. ``parser`` is ``module:function(path) -> Graph``.

    ``is_folder``: a model of this format is a folder. ``largest_bytes`` is what the format's offsets can address,
    None without such a limit.
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
    """Suffix -> reader, sorted by format name."""
    found: list[Reader] = [importlib.import_module(f"{__name__}.{name}").READER for name in names_in(__path__)]
    return {reader.suffix: reader for reader in found}
