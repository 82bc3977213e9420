"""What a report is made of when it is shown: lines, tables and bars, whatever they are shown on.

Blocks carry text as it is. A renderer takes every character literally, for names come from files and devices, and
gives each :class:`Role` the look that suits its medium.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal


class Role(Enum):
    """What a piece of text is, not what it looks like."""

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
    """One line of text, ``indent`` spaces from the left and, with ``gap``, an empty line below what stands above it.

    ``wrap``: breaks between words where the width ends. Otherwise it stays one line, so that what is piped elsewhere
    or copied (a path, a reason) is whole.
    """

    text: Phrase
    indent: int = 0
    gap: bool = False
    wrap: bool = False


@dataclass(frozen=True, slots=True)
class Hint:
    """Where more is to be found, in our own words; figures and brackets in it may be set off. Wraps."""

    text: str
    indent: int = 0
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """Names and words stand on the left, figures on the right."""

    heading: Phrase
    align: Literal["left", "right"] = "left"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells below headings; every row has one cell per column."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Phrase, ...], ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What one thing is like: names and values below a title, with rules around them where ``framed``."""

    title: str
    rows: tuple[tuple[Phrase, Phrase], ...]
    framed: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a whole: its ``value`` in the unit of its :class:`Bars`, and the ``figures`` that go with it."""

    label: str
    value: float
    figures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bars:
    """How a whole is divided, the largest part first. Several in succession divide the same whole: side by side.

    ``heading`` says what the labels are, ``figures`` what each bar's figures are.
    """

    heading: str
    unit: str
    bars: tuple[Bar, ...]
    figures: tuple[str, ...] = ()


Block = Line | Hint | Table | Facts | Bars


@dataclass(frozen=True, slots=True)
class Page:
    """All of one report, from top to bottom, laid out no narrower than ``least_width`` characters."""

    blocks: tuple[Block, ...]
    least_width: int = 0
