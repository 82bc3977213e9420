"""Photos whose truth is known, whatever kind it is of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LabelledPhotos(Generic[T]):
    """Photo files with the ``truth`` of each; ``labels`` are the names of the classes, in the model's order."""

    root: Path
    paths: tuple[Path, ...]
    truth: Sequence[T]
    labels: tuple[str, ...]
