"""Compatibility reports -> blocks."""

from __future__ import annotations  # the records are only needed in annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ca_deploy.compat.advice import is_opposed
from ca_deploy.render.blocks import Block, Column, Hint, Line, Page, Phrase, Piece, Role, Table
from ca_deploy.render.roles import VERDICTS

if TYPE_CHECKING:
    from ca_deploy.records.compat import CompatReport, Cost, Finding, Kind

_COLUMNS = (
    Column("target"),
    *(Column(heading, "right") for heading in ("nodes", "multiply-adds", "partitions")),
    Column("verdict"),
)
_EXPLAINED = "nodes and multiply-adds that the target accelerates; partitions: the pieces that it runs without a break"
_MODULES_SHOWN = 3
_OPERATORS_SHOWN = 4
_SOURCES_SHOWN = 2
_KINDS_SHOWN = 8


def page(done: Sequence[CompatReport], all_nodes: bool = False, asked: bool = True) -> Page:
    """A table of targets, then the findings by kind.

    ``asked``: of all these targets, because they were asked for; otherwise of the first one that has findings.
    ``all_nodes``: all kinds, and every node.
    """
    blocks: list[Block] = [Table(_COLUMNS, tuple(_row(report) for report in done)), Line(_EXPLAINED)]
    shown = done if asked else [*(report for report in done if report.findings), *done][:1]
    for report in shown:
        if report.findings or report.notes or all_nodes:
            blocks += _details(report, shown, all_nodes)
    if len(done) > len(shown):
        which = "the first target with findings" if shown[0].findings else "the first target: none has findings"
        blocks.append(Hint(f"details: {shown[0].target} ({which}); of another target: --target NAME", gap=True))
    return Page(tuple(blocks), least_width=110)


def _row(report: CompatReport) -> tuple[Phrase, ...]:
    if report.skipped:
        return report.target, "", "", "", f"not checked: {report.skipped}"
    share = report.accelerated_multiply_adds_percent
    pieces = report.partitions if report.measured_partitions is None else report.measured_partitions
    return (
        report.target,
        f"{report.accelerated_nodes}/{len(report.nodes)}",
        "" if share is None else f"{share:.1f} %",
        "" if pieces is None else str(pieces),
        report.verdict,
    )


def _details(report: CompatReport, shown: Sequence[CompatReport], all_nodes: bool) -> Iterator[Block]:
    yield Line((Piece(report.target, Role.STRONG), f" ({report.version})"), gap=True)
    for note in report.notes:
        yield Line(note, indent=2)
    for kind in report.kinds if all_nodes else report.kinds[:_KINDS_SHOWN]:
        sharing = [
            other.target for other in shown if kind.example.remedy in {each.example.remedy for each in other.kinds}
        ]
        only = f"on {' and '.join(sharing)} only: " if is_opposed(kind, report, shown) else ""
        yield from _kind(report, kind, only)
    if len(report.kinds) > _KINDS_SHOWN and not all_nodes:
        yield Hint(f"and {len(report.kinds) - _KINDS_SHOWN} more kinds of findings: see them with --all", indent=2)
    if all_nodes:
        for node in report.nodes:
            yield Line((_verdict(node), f" {node.operator}  {node.node}"), indent=2)


def _kind(report: CompatReport, kind: Kind, only: str) -> Iterator[Line]:
    example, members = kind.example, report.members(kind)
    operators = Counter(found.operator for found in members).most_common()
    counts: list[str | Piece] = []
    for operator, count in operators[:_OPERATORS_SHOWN]:
        counts += [f"{', ' if counts else ': '}{count} x ", Piece(operator, Role.STRONG)]
    left = sum(count for _, count in operators[_OPERATORS_SHOWN:])
    counts += [f" and {left} more"] if left else []
    yield Line((_verdict(example), *counts, _costs(kind.cost)), indent=2)
    for name, text in {
        # TFLite joins the names of all nodes that were fused into one.
        "where": _first((found.module or found.node.partition(";")[0] for found in members), _MODULES_SHOWN, ", "),
        "why": example.reason,
        "do": example.remedy and only + example.remedy,
        "by": f"{example.evidence}, {_first((found.source for found in members), _SOURCES_SHOWN, '; ')}",
    }.items():
        if text:
            yield Line(f"{name:5} {text}", indent=4)


def _first(texts: Iterable[str], most: int, between: str) -> str:
    """The first different ones, and how many more there are."""
    different = list(dict.fromkeys(texts))
    more = f" and {len(different) - most} more" if len(different) > most else ""
    return between.join(different[:most]) + more


def _costs(cost: Cost) -> str:
    costs = []
    if cost.partitions > 0:
        costs.append(f"{cost.partitions} more partition{'s' if cost.partitions > 1 else ''}")
    if cost.bytes_crossing > 0:
        size = f"{cost.bytes_crossing / 1e3:,.0f} kB" if cost.bytes_crossing >= 1000 else f"{cost.bytes_crossing} bytes"
        costs.append(f"{size} handed over per inference")
    if cost.multiply_adds_percent >= 0.05:
        costs.append(f"{cost.multiply_adds_percent:.1f} % of the multiply-adds")
    return f", costs {', '.join(costs)}" if costs else ""


def _verdict(found: Finding) -> Piece:
    return Piece(found.verdict, VERDICTS[found.verdict])
