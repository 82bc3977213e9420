"""What a model says of photos -> blocks."""

from __future__ import annotations  # the records are slow to import, and only annotations need them

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.render.blocks import Block, Hint, Line, Page, Piece, Role

if TYPE_CHECKING:
    from ca_deploy.records.prediction import Prediction, PredictionReport

_SHOWN = 8


def page(report: PredictionReport, output: Path | None) -> Page:
    """A line per photo, and where the pictures are."""
    blocks: list[Block] = [
        Line((Piece(one.photo, Role.STRONG), f": {', '.join(_said(one)) or 'nothing'}")) for one in report.predictions
    ]
    blocks += (Line((Piece("left out", Role.CAUTION), f": {complaint}")) for complaint in report.unreadable)
    if output is not None:
        blocks.append(Line((Piece("written", Role.GOOD), f": {output}"), gap=True))
    blocks.append(Hint(f"{report.model}, task {report.task}, {report.runtime}", gap=True))
    return Page(tuple(blocks))


def _said(one: Prediction) -> Iterator[str]:
    parts = [f"{found.score:.1%} {found.label}" for found in one.labels]
    parts += [
        f"{box.score:.0%} {box.label} at {box.left:.0f},{box.top:.0f} to {box.right:.0f},{box.bottom:.0f}"
        for box in one.boxes
    ]
    parts += [f"{area.percent:.1f} % {area.label}" for area in one.areas]
    for name, values in (one.values or {}).items():
        more = " …" if len(values) > _SHOWN else ""
        parts.append(f"{name} {' '.join(f'{value:.4g}' for value in values[:_SHOWN])}{more}")
    yield from parts[:_SHOWN]
    if len(parts) > _SHOWN:
        yield f"and {len(parts) - _SHOWN} more"
