"""Colours of classes in masks that are pictures, read from the text files that data sets bring."""

import re
from collections.abc import Mapping
from pathlib import Path

from ca_deploy.errors import ImageDataError, wrong_in_file
from ca_deploy.files import other_kind

Colour = tuple[int, int, int]
_MOST_BYTES = 1 << 20
_NUMBERS = re.compile(r"(?<![\w.])(\d{1,3})\s*[,;\s]\s*(\d{1,3})\s*[,;\s]\s*(\d{1,3})(?![\w.])")


def read_colours(path: Path) -> Mapping[str, Colour]:
    """Name and colour of each line, in whatever order: ``sky,128,128,128``, ``sky:128,128,128::``, ``128 128 128 sky``.

    Such are class_dict.csv, CVAT's labelmap.txt and CamVid's label_colors.txt. Lines without three numbers, as a
    heading, are passed over, and so are those behind ``#``.

    Raises:
        ImageDataError: the file is missing or no text, a number is above 255, a class or a colour stands there twice.
    """
    try:
        kind = other_kind(path)
        if kind or path.stat().st_size > _MOST_BYTES:
            kind = kind or "is larger than 1 MB"
            raise ImageDataError(f"Colour table {path} {kind}. {_HOW}")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ImageDataError(f"Colour table {path} cannot be read ({wrong_in_file(error)}). {_HOW}") from error
    found: dict[str, Colour] = {}
    for number, line in enumerate(lines, 1):
        numbers = None if line.lstrip().startswith("#") else _NUMBERS.search(line)
        name = line.replace(numbers.group(), "", 1).strip(" \t,;:\"'") if numbers else ""
        if numbers is None or not name:
            continue
        red, green, blue = map(int, numbers.groups())
        if max(red, green, blue) > 255:
            raise ImageDataError(f"Colour table {path}, line {number}: {numbers.group()} is not a colour. {_HOW}")
        if name in found or (red, green, blue) in found.values():
            raise ImageDataError(f"Colour table {path}, line {number}: {name} or its colour stands there twice. {_HOW}")
        found[name] = (red, green, blue)
    if not found:
        raise ImageDataError(f"Colour table {path} has no colours. {_HOW}")
    return found


_HOW = "A line per class has its name and three numbers from 0 to 255, as in sky,128,128,128."
