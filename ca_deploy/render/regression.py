"""Comparisons of two latency reports -> blocks."""

from __future__ import annotations  # the records are slow to import, and only annotations need them

from typing import TYPE_CHECKING

from ca_deploy.render.blocks import Column, Line, Page, Phrase, Piece, Role, Table

if TYPE_CHECKING:
    from ca_deploy.records.statistics import Change, Regression

_COLUMNS = (
    Column("file"),
    *(Column(heading, "right") for heading in ("threads", "before", "after", "ratio", "95 %")),
    Column(""),
)


def page(found: Regression) -> Page:
    """Each measurement that both reports contain, and what limits the comparison."""
    table = Table(_COLUMNS, tuple(_row(change, found.unit) for change in found.changes))
    notes = (Line((Piece("note", Role.CAUTION), f": {warning}")) for warning in found.warnings)
    return Page((table, *notes), least_width=130)


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
