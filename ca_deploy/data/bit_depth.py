"""Photos of more than 8 bits: what value is white, decided by what the files of a set hold together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.data.image_file import opened
from ca_deploy.errors import ImageDataError

if TYPE_CHECKING:
    from PIL import Image

_MOST_FILES, _FEWEST_FILES = 64, 8  # of those with more than 8 bits; enough to meet a bright spot
_MOST_OPENED = 512  # evenly spaced
_BITS = (8, 10, 12, 14, 16)


@dataclass(frozen=True, slots=True)
class BitDepth:
    """``white`` is the value of white of integers, and of floats; None where no such file was seen."""

    integers: float | None = None
    floats: float | None = None

    @property
    def note(self) -> str:
        """What was found, in a sentence; "" where it is what the files' type says."""
        found = []
        if self.integers not in (None, 65535.0):
            found.append(f"integers up to {self.integers:g}")
        if self.floats is not None:
            found.append(f"floats up to {self.floats:g}")
        if not found:
            return ""
        return f"Photos of more than 8 bits hold {' and '.join(found)}, which was taken for white, as in the app."

    def to_8_bits(self, image: "Image.Image") -> "Image.Image":
        """An image of more than 8 bits as one of 8; any other as it is."""
        import numpy as np
        from PIL import Image

        if not _is_deep(image):
            return image
        values = np.asarray(image, np.float64)
        known = self.floats if image.mode == "F" else self.integers
        white = known or _white_alone(image.mode, float(values.max()))
        return Image.fromarray((values / white * 255).clip(0, 255).astype(np.uint8))


BY_THE_FILE = BitDepth()


def bit_depth(paths: Sequence[Path]) -> BitDepth:
    """Of the files with more than 8 bits among ``paths``, of very many among a part; unreadable ones are passed over.

    Fewer than :data:`_FEWEST_FILES` say nothing, because all may be dark.
    """
    import numpy as np

    seen: dict[str, list[float]] = {"I": [], "F": []}
    for path in paths[:: -(-len(paths) // _MOST_OPENED) or 1]:
        try:
            with opened(path) as image:
                if _is_deep(image):
                    seen[image.mode[0]].append(float(np.asarray(image, np.float64).max()))
        except ImageDataError:
            continue
        if sum(map(len, seen.values())) == _MOST_FILES:
            break
    whites = [_white_of_all(kind, values) if len(values) >= _FEWEST_FILES else None for kind, values in seen.items()]
    return BitDepth(*whites)


def _is_deep(image: "Image.Image") -> bool:
    return image.mode == "F" or image.mode.startswith("I")


def _white_of_all(kind: str, highest: Sequence[float]) -> float:
    """The end of the smallest usual range that holds the highest value of each file."""
    if kind == "F" and max(highest) <= 1:
        return 1.0
    return next((2.0**bits - 1 for bits in _BITS if max(highest) < 2**bits), max(highest))


def _white_alone(mode: str, highest: float) -> float:
    """Of one file, which may be dark: the end of its type's range, unless the type has no such end."""
    if mode == "F" and highest <= 1:
        return 1.0
    return 255.0 if mode in "IF" and highest <= 255 else 65535.0
