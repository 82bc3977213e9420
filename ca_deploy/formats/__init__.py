"""Formats: Network -> file. One package or module here is one format; its ``FORMAT`` describes it.

The description is light, and heavy libraries are imported only by the exporter it names, in a process of its own.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ca_deploy.errors import unknown_name
from ca_deploy.plugins import load, names_in, not_installed
from ca_deploy.records.conversion import Converted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ca_deploy.networks.source import Network
    from ca_deploy.records.recipe import ExportRecipe


class Exporter(Protocol):
    """The function that makes the file. It runs in a process of its own and may be slow and noisy."""

    def __call__(
        self,
        network: "Network",
        recipe: "ExportRecipe",
        calibration: "NDArray[np.uint8] | None",
        path: Path,
        dynamic_batch: bool,
        step: Callable[[str], None],
    ) -> Converted:
        """Write ``path``.

        ``calibration`` is RGB ``(N, S, S, 3)``, cropped but not normalised; None where the recipe needs none.
        ``step`` announces what is being done, in a few words.
        """
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """One exportable file format. ``exporter`` is ``module:function``, imported in the worker only."""

    name: str
    suffix: str
    description: str
    exporter: str
    packages: tuple[str, ...]

    def missing_packages(self) -> list[str]:
        """Which of its packages are not installed here."""
        return not_installed(self.packages)

    def load_exporter(self) -> Exporter:
        exporter: Exporter = load(self.exporter)
        return exporter


def format_names() -> list[str]:
    return names_in(__path__)


def find_format(name: str) -> Format:
    """The format of that name.

    Raises:
        UsageError: there is none; names the closest.
    """
    if name not in format_names():
        raise unknown_name("format", name, format_names(), "ca-deploy list formats")
    found: Format = importlib.import_module(f"{__name__}.{name}").FORMAT
    return found
