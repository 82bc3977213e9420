"""Compatibility reports -> blocks."""

from __future__ import annotations  # the records are only needed in annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ca_deploy.render.blocks import Block, Column, Hint, Line, Page, Phrase, Piece, Role, Table

if TYPE_CHECKING:
    from ca_deploy.records.compat import CompatReport, Cost, Finding, Kind

_ROLES = {
    "accelerated": Role.GOOD,
    "falls back": Role.CAUTION,
    "float in an INT8 model": Role.CAUTION,
    "unsupported": Role.BAD,
    "unknown": Role.UNKNOWN,
}
_COLUMNS = (
    Column("target"),
    *(Column(heading, "right") for heading in ("nodes", "multiply-adds", "partitions")),
    Column("verdict"),
)
_MODULES_SHOWN = 3
_KINDS_SHOWN = 8


def page(done: Sequence[CompatReport], all_nodes: bool = False) -> Page:
    """A table of targets, then the findings of each by kind; ``all_nodes``: all kinds, and every node."""
    blocks: list[Block] = [Table(_COLUMNS, tuple(_row(report) for report in done))]
    for report in done:
        if report.findings or report.notes or all_nodes:
            blocks += _details(report, all_nodes)
    return Page(tuple(blocks), least_width=110)


def _row(report: CompatReport) -> tuple[Phrase, ...]:
    if report.skipped:
        return report.target, "", "", "", report.skipped
    share = report.accelerated_multiply_adds_percent
    pieces = report.partitions if report.measured_partitions is None else report.measured_partitions
    return (
        report.target,
        f"{report.accelerated_nodes}/{len(report.nodes)}",
        "" if share is None else f"{share:.1f} %",
        "" if pieces is None else str(pieces),
        report.verdict,
    )


def _details(report: CompatReport, all_nodes: bool) -> Iterator[Block]:
    yield Line((Piece(report.target, Role.STRONG), f" ({report.version})"), gap=True)
    for note in report.notes:
        yield Line(note, indent=2)
    for kind in report.kinds if all_nodes else report.kinds[:_KINDS_SHOWN]:
        yield from _kind(report, kind)
    if len(report.kinds) > _KINDS_SHOWN and not all_nodes:
        yield Hint(f"and {len(report.kinds) - _KINDS_SHOWN} more kinds of findings: see them with --all", indent=2)
    if all_nodes:
        for node in report.nodes:
            yield Line((_verdict(node), f" {node.operator}  {node.node}"), indent=2)


def _kind(report: CompatReport, kind: Kind) -> Iterator[Line]:
    example, indices = kind.example, set(kind.indices)
    where = [node.module or node.node for node in report.nodes if node.index in indices]
    more = f" and {len(where) - _MODULES_SHOWN} more" if len(where) > _MODULES_SHOWN else ""
    yield Line(
        (_verdict(example), f": {len(where)} x ", Piece(example.operator, Role.STRONG), _costs(kind.cost)), indent=2
    )
    for name, text in {
        "where": ", ".join(dict.fromkeys(where[:_MODULES_SHOWN])) + more,
        "why": example.reason,
        "do": example.remedy,
        "by": f"{example.evidence}, {example.source}",
    }.items():
        if text:
            yield Line(f"{name:5} {text}", indent=4)


def _costs(cost: Cost) -> str:
    costs = []
    if cost.partitions > 0:
        costs.append(f"{cost.partitions} partition{'s' if cost.partitions > 1 else ''}")
    if cost.bytes_crossing > 0:
        costs.append(f"{cost.bytes_crossing / 1e3:,.0f} kB crossing")
    if cost.multiply_adds_percent >= 0.05:
        costs.append(f"{cost.multiply_adds_percent:.1f} % of multiply-adds")
    return f", costs {', '.join(costs)}" if costs else ""


def _verdict(found: Finding) -> Piece:
    return Piece(found.verdict, _ROLES[found.verdict])
