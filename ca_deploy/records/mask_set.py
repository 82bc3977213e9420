"""Where labelled masks are, and what their values mean; :mod:`ca_deploy.data.masks` reads it from TOML."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ca_deploy.records.record import record

_Byte = Annotated[int, Field(ge=0, le=255)]


@record
class MaskSet:
    """Folders of photos and of masks with the same names, relative to the TOML.

    ``ignore`` are what does not count: values of a mask, or names of ``colours``. ``colours`` are those of the classes
    in masks that are pictures, by name, or a text file with a line per class: its name and three numbers from 0 to 255.
    """

    images: Path = Path("images")
    masks: Path = Path("masks")
    ignore: tuple[int | str, ...] = (255,)
    colours: Mapping[str, tuple[_Byte, _Byte, _Byte]] | Path | None = None
