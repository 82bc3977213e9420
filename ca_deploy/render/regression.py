"""Comparisons of two latency reports -> blocks."""

from __future__ import annotations  # the records are slow to import, and only annotations need them

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ca_deploy.render.blocks import Block, Column, Line, Page, Phrase, Piece, Role, Table

if TYPE_CHECKING:
    from ca_deploy.records.statistics import Change, PartChange, Regression

_PARTS_SHOWN = 15
_COLUMNS = (
    Column("file"),
    *(Column(heading, "right") for heading in ("threads", "before", "after", "ratio", "95 %")),
    Column(""),
)


def page(found: Regression) -> Page:
    """Each measurement that both reports contain, what limits the comparison, and which operators changed."""
    table = Table(_COLUMNS, tuple(_row(change, found.unit) for change in found.changes))
    notes = (Line((Piece("note", Role.CAUTION), f": {warning}")) for warning in found.warnings)
    parts = [block for change in found.changes for block in _parts(change, found.unit)]
    return Page((table, *notes, *parts), least_width=130)


def _row(change: Change, unit: str) -> tuple[Phrase, ...]:
    return (
        change.file,
        str(change.threads),
        f"{change.before:.4g} {unit}",
        f"{change.after:.4g} {unit}",
        f"{change.ratio:.3f}",
        "exact" if change.low is None else f"{change.low:.3f} to {change.high:.3f}",
        Piece("regression", Role.BAD) if change.regressed else "ok",
    )


def _parts(change: Change, unit: str) -> Iterator[Block]:
    if change.operators:
        yield Line(Piece(change.file, Role.STRONG), gap=True)
        yield _part_table("operator", change.operators, unit)
        yield _part_table("module", change.modules, unit)


def _part_table(heading: str, parts: Sequence[PartChange], unit: str) -> Table:
    """Those that changed most; the others in one row, and all of them in another."""
    shown = [part for part in parts[:_PARTS_SHOWN] if part.before != part.after]
    rows = [
        _part_row(part.name, f"{part.count_before}", f"{part.count_after}", part.before, part.after) for part in shown
    ]
    for name, rest in ((f"{len(parts) - len(shown)} others", parts[len(shown) :]), ("all", parts)):
        if rest:
            counts = (str(sum(part.count_before for part in rest)), str(sum(part.count_after for part in rest)))
            sums = (sum(part.before for part in rest), sum(part.after for part in rest))
            rows.append(_part_row(name, *counts, *sums))
    figures = ("count before", "count after", f"{unit} before", f"{unit} after", "change", "ratio")
    return Table((Column(heading), *(Column(name, "right") for name in figures)), tuple(rows))


def _part_row(name: str, count_before: str, count_after: str, before: float, after: float) -> tuple[Phrase, ...]:
    ratio = f"{after / before:.3f}" if before else ""
    return (name, count_before, count_after, f"{before:.3f}", f"{after:.3f}", f"{after - before:+.3f}", ratio)
