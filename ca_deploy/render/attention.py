"""The gates of attention -> blocks."""

from __future__ import annotations  # the records are slow to import, and only annotations need them

from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.render.blocks import Block, Column, Line, Page, Phrase, Piece, Role, Table

if TYPE_CHECKING:
    from ca_deploy.records.attention import AttentionReport, BlockGates

_COLUMNS = (Column("block"), Column("map", "right"), Column("gates"))


def page(reports: list[AttentionReport], output: Path | None) -> Page:
    """A table of blocks per network, and where the picture is."""
    blocks: list[Block] = []
    for report in reports:
        explained = f", Grad-CAM explains {report.label}" if report.label is not None else ""
        blocks.append(Line((Piece(report.model, Role.STRONG), f" on {report.photo}{explained}"), gap=bool(blocks)))
        blocks.append(Table(_COLUMNS, tuple(map(_row, report.blocks))))
        for place, reason in report.left_alone.items():
            blocks.append(Line(f"resembles attention, and is not read: {place} ({reason})", indent=2, wrap=True))
    if output is not None:
        blocks.append(Line((Piece("written", Role.GOOD), f": {output}"), gap=True))
    return Page(tuple(blocks))


def _row(block: BlockGates) -> tuple[Phrase, ...]:
    given = ((extent, values) for extent, values in block.values.items() if values)
    gates = ", ".join(_gates(extent, values, block.differences.get(extent)) for extent, values in given)
    return block.module or "forward", f"{block.size[0]}x{block.size[1]}", gates


def _gates(extent: str, values: tuple[float, ...], difference: float | None) -> str:
    moved = f" (moved by at most {difference:.4f})" if difference is not None else ""
    return f"{'channels' if extent == 'map' else extent} {min(values):.4f} to {max(values):.4f}{moved}"
