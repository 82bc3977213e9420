"""A sweep -> blocks: one row per exported file, and the reason of whatever failed or was skipped."""

from __future__ import annotations  # the records are slow to import, and only annotations need them

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.render.blocks import Block, Column, Hint, Line, Page, Phrase, Piece, Table
from ca_deploy.render.roles import STATUSES

if TYPE_CHECKING:
    from ca_deploy.records.sweep import Cell, SweepRecord


def page(record: SweepRecord, folder: Path) -> Page:
    """The table, and below it the reasons."""
    exports = [cell for cell in record.cells if cell.what == "export"]
    others = {(cell.file, cell.what, cell.on): cell for cell in record.cells if cell.what != "export"}
    headings = list(dict.fromkeys((what, on) for _, what, on in others))
    columns = (
        Column("file"),
        Column("parity"),
        *(Column(heading, "right") for heading in ("size", "of float32", "SQNR")),
        *(Column(on, "right") for _, on in headings),
    )
    rows = tuple((*_export(cell), *(_figure(others[cell.file, *heading]) for heading in headings)) for cell in exports)
    blocks: list[Block] = [Table(columns, rows), *_reasons(record)]
    return Page((*blocks, Line(str(folder / "sweep.json"), gap=True), Hint(_summary(record))), least_width=96)


def _export(cell: Cell) -> tuple[Phrase, ...]:
    found = cell.figures
    if "size_bytes" not in found:
        return cell.file, _status(cell), "", "", ""
    share = found["size_bytes"] / found["float32_size_bytes"]
    sqnr = f"{found['sqnr_db']:.1f} dB" if "sqnr_db" in found else ""
    return cell.file, _status(cell), f"{found['size_bytes'] / 1e6:.2f} MB", f"{share:.2f}", sqnr


def _figure(cell: Cell) -> Phrase:
    if cell.status != "pass":
        return _status(cell)
    return _main(cell.figures) if cell.figures else "-"


def _main(figures: Mapping[str, float]) -> str:
    """The first figure with its unit."""
    name, value = next(iter(figures.items()))
    if name == "instructions":
        return f"{value / 1e6:.2f} M instructions"
    return f"{value:.3g} ms" if name.endswith("_ms") else f"{name} {value:.2f} %"


def _status(cell: Cell) -> Piece:
    return Piece(str(cell.status), STATUSES[cell.status])


def _reasons(record: SweepRecord) -> Iterator[Line]:
    for cell in record.cells:
        if cell.reason:
            where = f"{cell.file}{f' on {cell.on}' if cell.on else ''}"
            first, *more = cell.reason.split("\n")
            yield Line((f"{where}: ", _status(cell), f": {first}"), gap=False)
            yield from (Line(line, indent=2) for line in more)


def _summary(record: SweepRecord) -> str:
    counts = {status: sum(cell.status == status for cell in record.cells) for status in STATUSES}
    said = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    return f"{len(record.cells)} results: {said}. A second run makes only what is missing."
