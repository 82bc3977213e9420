"""A photo with what a model says of it: areas in colour, boxes, and a list of names."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ca_deploy.errors import shown
from ca_deploy.evaluation.prediction import Predicted

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_OPACITY = 0.55
_LETTERS = 40  # of a name
_LINES = 12
_TEXT_SHARE = 28  # a line of text is this part of the photo's shorter side


def drawn(found: Predicted, suffix: str) -> bytes:
    """The picture's file, in the format of one of :data:`SUFFIXES`."""
    import matplotlib
    from PIL import ImageDraw, ImageFont

    image = found.image.convert("RGB")
    if found.seen.classes is not None:
        image = _tinted(image, found.seen.classes)
    letters = max(10, min(image.size) // _TEXT_SHARE)
    place = str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))  # knows most scripts
    font, draw = ImageFont.truetype(place, letters), ImageDraw.Draw(image)
    names = sorted({box.label for box in found.seen.boxes})
    for box in reversed(found.seen.boxes):  # the best on top
        tone = colour(names.index(box.label) + 1)
        draw.rectangle([box.left, box.top, box.right, box.bottom], outline=tone, width=max(2, letters // 8))
        _label(draw, (box.left, max(0, box.top - 1.4 * letters)), f"{_cut(box.label)} {box.score:.0%}", tone, font)
    for number, (text, tone) in enumerate(_lines(found)[:_LINES]):
        _label(draw, (0, number * 1.4 * letters), text, tone, font)
    buffer = io.BytesIO()
    image.save(buffer, SUFFIXES[suffix])
    return buffer.getvalue()


def colour(number: int) -> tuple[int, int, int]:
    """The colour of a class as in PASCAL VOC: bits of the number are spread over red, green and blue; 0 is black."""
    red = green = blue = 0
    for place in range(7, -1, -1):
        red |= (number & 1) << place
        green |= (number >> 1 & 1) << place
        blue |= (number >> 2 & 1) << place
        number >>= 3
    return red, green, blue


def _tinted(image: "Image.Image", classes: NDArray[np.int64]) -> "Image.Image":
    from PIL import Image

    colours = np.array([colour(number) for number in range(int(classes.max(initial=0)) + 1)], np.float32)
    pixels = np.asarray(image, np.float32)
    mixed = (1 - _OPACITY) * pixels + _OPACITY * colours[np.maximum(classes, 0)]
    return Image.fromarray(np.where((classes < 0)[..., None], pixels, mixed).astype(np.uint8))


def _lines(found: Predicted) -> list[tuple[str, tuple[int, int, int]]]:
    seen = found.seen
    lines = [(f"{one.score:.0%} {_cut(one.label)}", (0, 0, 0)) for one in seen.labels]
    lines += [(f"{one.percent:.0f} % {_cut(one.label)}", colour(one.number)) for one in seen.areas]
    for name, values in (seen.values or {}).items():
        more = " …" if len(values) > 4 else ""
        lines.append((f"{_cut(name)}: {', '.join(f'{value:.4g}' for value in values[:4])}{more}", (0, 0, 0)))
    return lines


def _label(
    draw: "ImageDraw.ImageDraw",
    at: tuple[float, float],
    text: str,
    tone: tuple[int, int, int],
    font: "ImageFont.FreeTypeFont",
) -> None:
    left, top, right, bottom = draw.textbbox(at, text, font)
    draw.rectangle([left - 2, top - 2, right + 2, bottom + 2], tone)
    dark = 0.3 * tone[0] + 0.59 * tone[1] + 0.11 * tone[2] < 140
    draw.text(at, text, "white" if dark else "black", font)


def _cut(name: str) -> str:
    return shown(name, _LETTERS)
