"""Where labelled masks are, and what their values mean; :mod:`ca_deploy.data.masks` reads it from TOML."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from ca_deploy.records.faults import not_possible, refusal
from ca_deploy.records.record import record

_COLOUR = "three whole numbers from 0 to 255"


# Unions are checked before pydantic does, which would report each of their alternatives as an error of its own.
def _value_or_name(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise refusal(not_possible(value, "a whole number or a name"))
    return value


def _table_or_path(value: object) -> object:
    if isinstance(value, Mapping):
        if wrong := {name: colour for name, colour in value.items() if not _is_colour(colour)}:
            raise refusal(" ".join(f"{name}: {not_possible(colour, _COLOUR)}" for name, colour in wrong.items()))
        return {name: tuple(colour) for name, colour in value.items()}  # files have no tuples
    if value is None or isinstance(value, str | Path):
        return value
    raise refusal(not_possible(value, f"a table of names with {_COLOUR} each, or the path of a text file"))


def _is_colour(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 3
        and all(type(one) is int and 0 <= one <= 255 for one in value)
    )


@record
class MaskSet:
    """Folders of photos and of masks with the same names, relative to the TOML.

    ``ignore`` are what does not count: values of a mask, or names of ``colours``. ``colours`` are those of the classes
    in masks that are pictures, by name, or a text file with a line per class: its name and three numbers from 0 to 255.
    """

    images: Path = Path("images")
    masks: Path = Path("masks")
    ignore: tuple[Annotated[int | str, BeforeValidator(_value_or_name)], ...] = (255,)
    colours: Annotated[Mapping[str, tuple[int, int, int]] | Path | None, BeforeValidator(_table_or_path)] = None
