"""Odd photos, and what the decoder of a phone makes of them before any code that ca-deploy writes.

A stub of Android's or Apple's decoder reads, instead of a photo, big-endian numbers of 32 bits: the EXIF orientation,
width, height, and pixels 0xAARRGGBB in rows. It does not turn the photo.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image


@dataclass(frozen=True, slots=True)
class OddPhoto:
    """A photo in a file. ``exact``: every decoder makes the same 8-bit pixels of it."""

    path: Path
    orientation: int
    exact: bool = True

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def decoded(self) -> NDArray[np.uint8]:
        """Not turned, RGBA ``(H, W, 4)``. Of 16 bits, phones keep the upper 8."""
        with Image.open(self.path) as image:
            if image.mode.startswith("I"):
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))  # type: ignore[assignment]
            return np.asarray(image.convert("RGB") if image.mode == "CMYK" else image.convert("RGBA"))

    @property
    def for_stubs(self) -> bytes:
        pixels = np.dstack([self.decoded, np.full(self.decoded.shape[:2], 255, np.uint8)])[..., :4].astype(np.uint32)
        red, green, blue, alpha = np.moveaxis(pixels, -1, 0)
        colours = (alpha << 24) | (red << 16) | (green << 8) | blue
        height, width = colours.shape
        return np.concatenate([[self.orientation, width, height], colours.ravel()]).astype(">u4").tobytes()


def odd_photos(folder: Path) -> list[OddPhoto]:
    """In all orientations and many formats; made of noise, so that a pixel in a wrong place is seen."""
    return list(_written(folder))


def _written(folder: Path) -> Iterator[OddPhoto]:
    def saved(name: str, image: Image.Image, orientation: int, exact: bool = True, **options: Any) -> OddPhoto:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        image.save(folder / name, exif=exif, **options)
        return OddPhoto(folder / name, orientation, exact)

    yield saved("tall_strip.png", _noise(1, 1000), 1)
    yield saved("wide_strip.png", _noise(1000, 1), 2)
    yield saved("strip_of_odd_length.png", _noise(111, 2), 7)
    yield saved("tiny.png", _noise(3, 5), 3)
    yield saved("palette.png", _noise(52, 39).quantize(16), 4, transparency=3)
    yield saved("transparent.png", _noise(71, 45, "RGBA"), 1, exact=False)
    yield saved("grey.png", _noise(53, 39).convert("L"), 5)
    yield saved("grey_of_16_bits.png", _grey_of_16_bits(67, 42), 3, exact=False)
    yield saved("cmyk.jpg", _noise(61, 47, "CMYK"), 6)
    yield saved("progressive.jpg", _noise(82, 33), 8, progressive=True)  # half of it is as wide as the inputs
    yield saved("half_of_it_ends_in_half_a_pixel.jpg", _noise(82, 35), 1, quality=100)
    yield saved("portrait.jpg", _noise(37, 97), 6)
    yield saved("large.jpg", _noise(301, 203), 2)
    yield saved("smaller_than_any_input.webp", _noise(7, 9), 5, lossless=True)


def _noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    values = np.random.default_rng(width).integers(0, 256, (height, width, len(mode)), dtype=np.uint8)
    return Image.frombytes(mode, (width, height), values.tobytes())


def _grey_of_16_bits(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(width).integers(0, 65536, (height, width), dtype=np.uint16))
