"""The parts of a report, independent of the medium: lines, tables and bars.

Blocks contain plain text. A renderer takes every character literally, because names come from files and devices, and
chooses a style for each :class:`Role`.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal


class Role(Enum):
    """The meaning of a piece of text; its style is the renderer's."""

    PLAIN = auto()
    STRONG = auto()
    GOOD = auto()
    CAUTION = auto()
    BAD = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Piece:
    """Text in one role."""

    text: str
    role: Role = Role.PLAIN


Phrase = str | Piece | tuple[str | Piece, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text, indented by ``indent`` spaces and, with ``gap``, preceded by an empty line.

    ``wrap``: it wraps between words at the width. Otherwise it stays one line, so that paths and reasons can be piped
    or copied whole.
    """

    text: Phrase
    indent: int = 0
    gap: bool = False
    wrap: bool = False


@dataclass(frozen=True, slots=True)
class Hint:
    """A hint of ca-deploy's own, without text from files; numbers and brackets in it may be highlighted. It wraps."""

    text: str
    indent: int = 0
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; text is aligned left, figures right."""

    heading: Phrase
    align: Literal["left", "right"] = "left"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below headings; every row has one cell per column."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Phrase, ...], ...]
    caption: str = ""


def without_empty(table: Table) -> Table:
    """Without the columns that have nothing in any row."""
    kept = [number for number in range(len(table.columns)) if any(row[number] for row in table.rows)]
    rows = tuple(tuple(row[number] for number in kept) for row in table.rows)
    return Table(tuple(table.columns[number] for number in kept), rows, table.caption)


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values below a title, with a frame if ``framed``."""

    title: str
    rows: tuple[tuple[Phrase, Phrase], ...]
    framed: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a whole: its ``value`` in the unit of its :class:`Bars`, and further ``figures``."""

    label: str
    value: float
    figures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bars:
    """The parts of a whole, largest first. Several in succession divide the same whole and are shown side by side.

    ``heading`` is the heading of the labels, ``figures`` are those of the bars' figures.
    """

    heading: str
    unit: str
    bars: tuple[Bar, ...]
    figures: tuple[str, ...] = ()


Block = Line | Hint | Table | Facts | Bars


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report, from top to bottom, at least ``least_width`` characters wide."""

    blocks: tuple[Block, ...]
    least_width: int = 0
