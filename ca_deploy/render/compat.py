"""Compatibility reports -> terminal. Functions here print and compute nothing."""

from __future__ import annotations  # lists need none of the reports' modules

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from ca_deploy.records.compat import CompatReport, Kind

_COLOURS = {
    "accelerated": "green",
    "falls back": "yellow",
    "float in an INT8 model": "yellow",
    "unsupported": "red",
    "unknown": "cyan",
}
_MODULES_SHOWN = 3
_KINDS_SHOWN = 8


def reports(done: Sequence[CompatReport], all_nodes: bool = False) -> None:
    """First what each target makes of the file, then every kind of finding."""
    console = Console(width=max(110, Console().width))
    table = Table(box=None, pad_edge=False)
    for heading in ("target", "nodes", "multiply-adds", "partitions", "verdict"):
        table.add_column(heading, justify="left" if heading in ("target", "verdict") else "right", overflow="fold")
    for report in done:
        table.add_row(report.target, *_summary(report), escape(report.skipped or report.verdict))
    console.print(table)
    for report in done:
        if report.findings or report.notes or all_nodes:
            _details(console, report, all_nodes)


def _summary(report: CompatReport) -> tuple[str, str, str]:
    share = report.accelerated_multiply_adds_percent
    pieces = report.partitions if report.measured_partitions is None else report.measured_partitions
    if report.skipped:
        return "", "", ""
    return (
        f"{report.accelerated_nodes}/{len(report.nodes)}",
        "" if share is None else f"{share:.1f} %",
        "" if pieces is None else f"{pieces}",
    )


def _details(console: Console, report: CompatReport, all_nodes: bool) -> None:
    console.print(f"\n[bold]{report.target}[/] ({escape(report.version)})", highlight=False, soft_wrap=True)
    for note in report.notes:
        console.print(f"  {escape(note)}", highlight=False, soft_wrap=True)
    for kind in report.kinds if all_nodes else report.kinds[:_KINDS_SHOWN]:
        _kind(console, report, kind)
    if len(report.kinds) > _KINDS_SHOWN and not all_nodes:
        console.print(f"  and {len(report.kinds) - _KINDS_SHOWN} more kinds of findings: see them with --all")
    if all_nodes:
        for node in report.nodes:
            line = f"  [{_COLOURS[node.verdict]}]{node.verdict}[/] {escape(f'{node.operator}  {node.node}')}"
            console.print(line, highlight=False, soft_wrap=True)


def _kind(console: Console, report: CompatReport, kind: Kind) -> None:
    example, cost = kind.example, kind.cost
    costs = [f"{cost.partitions} partition{'s' if cost.partitions > 1 else ''}"] * (cost.partitions > 0)
    costs += [f"{cost.bytes_crossing / 1e3:,.0f} kB crossing"] * (cost.bytes_crossing > 0)
    costs += [f"{cost.multiply_adds_percent:.1f} % of multiply-adds"] * (cost.multiply_adds_percent >= 0.05)
    where = [node.module or node.node for node in report.nodes if node.index in set(kind.indices)]
    shown = ", ".join(dict.fromkeys(where[:_MODULES_SHOWN]))
    more = f" and {len(where) - _MODULES_SHOWN} more" if len(where) > _MODULES_SHOWN else ""
    console.print(
        f"  [{_COLOURS[example.verdict]}]{example.verdict}[/]: {len(where)} x [bold]{escape(example.operator)}[/]"
        + (f", costs {', '.join(costs)}" if costs else ""),
        highlight=False,
        soft_wrap=True,
    )
    for name, text in {
        "where": shown + more,
        "why": example.reason,
        "do": example.remedy,
        "by": f"{example.evidence}, {example.source}",
    }.items():
        if text:
            console.print(f"    {name:5} {escape(text)}", highlight=False, soft_wrap=True)
