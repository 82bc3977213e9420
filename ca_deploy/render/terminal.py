"""Blocks -> terminal. The only module that imports rich, and the only one that prints reports."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Sequence

from rich import table as rich_table
from rich.console import Console
from rich.text import Text

from ca_deploy.errors import visible
from ca_deploy.render.blocks import Bars, Block, Column, Facts, Hint, Line, Page, Phrase, Piece, Role, Table

_STYLES = {
    Role.PLAIN: "",
    Role.STRONG: "bold",
    Role.GOOD: "green",
    Role.CAUTION: "yellow",
    Role.BAD: "red",
    Role.UNKNOWN: "cyan",
}


class _Output(Console):
    """Standard output; rich would end the process without a word where the reader has closed the pipe."""

    def on_broken_pipe(self) -> None:
        raise


_AS_WIDE_AS_IT_IS = 100_000


def show(page: Page) -> None:
    """Print a page on standard output, in colour if that is a terminal.

    A table folds at the width of the terminal, or at ``COLUMNS``; in a pipe or a file each row stays one line.
    """
    console = _Output(width=max(page.least_width, Console().width))
    folds = sys.stdout.isatty() or "COLUMNS" in os.environ
    tables = console if folds else _Output(width=_AS_WIDE_AS_IT_IS)
    for _, alike in itertools.groupby(page.blocks, type):
        blocks = list(alike)
        bars = [block for block in blocks if isinstance(block, Bars)]
        for block in [_side_by_side(bars)] if bars else blocks:
            _print(tables if isinstance(block, Table | Facts) else console, block)


def _print(console: Console, block: Block) -> None:
    if isinstance(block, Line | Hint) and block.gap:
        console.print()
    match block:
        case Line():
            console.print(_text((" " * block.indent, *_pieces(block.text))), soft_wrap=not block.wrap)
        case Hint():
            console.print(console.highlighter(_text(" " * block.indent + block.text)))
        case Table():
            console.print(_table(block))
        case Facts():
            console.print(_facts(block))


def _table(block: Table) -> rich_table.Table:
    table = rich_table.Table(box=None, pad_edge=False, caption_justify="left")
    for column in block.columns:
        table.add_column(_text(column.heading), justify=column.align, overflow="fold")
    for row in block.rows:
        table.add_row(*map(_text, row))
    table.caption = _text(block.caption, "table.caption") if block.caption else None
    return table


def _facts(block: Facts) -> rich_table.Table:
    title = _text(block.title, "table.title")
    table = rich_table.Table(title=title, title_justify="left", show_header=False)
    if not block.framed:
        table.box, table.padding = None, (0, 2, 0, 0)
    for row in block.rows:
        table.add_row(*map(_text, row))
    return table


def _side_by_side(charts: Sequence[Bars]) -> Table:
    """Bars as figures, which say more than bars in the width of a terminal."""
    height = max(len(chart.bars) for chart in charts)
    columns: list[Column] = []
    rows: list[tuple[Phrase, ...]] = [()] * height
    for chart in charts:
        if columns:  # an empty column between two charts
            columns.append(Column(""))
            rows = [(*row, "") for row in rows]
        columns.append(Column(chart.heading))
        columns += (Column(heading, "right") for heading in (*chart.figures, chart.unit))
        cells = [(bar.label, *bar.figures, f"{bar.value:.1f}") for bar in chart.bars]
        blank = ("",) * (len(chart.figures) + 2)
        rows = [(*row, *more) for row, more in itertools.zip_longest(rows, cells, fillvalue=blank)]
    return Table(tuple(columns), tuple(rows))


def _pieces(phrase: Phrase) -> tuple[str | Piece, ...]:
    return phrase if isinstance(phrase, tuple) else (phrase,)


def _text(phrase: Phrase, style: str = "") -> Text:
    text = Text(style=style)
    for piece in _pieces(phrase):
        if isinstance(piece, Piece):
            text.append(visible(piece.text), _STYLES[piece.role])
        else:
            text.append(visible(piece))
    return text
