"""Latency reports -> terminal. Functions here print and compute nothing."""

from __future__ import annotations  # the reports' modules are slow to import, and help needs none of them

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from ca_deploy.latency.regression import Regression
    from ca_deploy.latency.report import LatencyReport, Measurement

_COLOURS = {
    "valid": "green", "doubtful": "yellow", "invalid": "red",
    "pass": "green", "skipped": "yellow", "fail": "red",
    "faster": "green", "no difference": "default", "slower": "red",
}  # fmt: skip


def report(found: LatencyReport) -> None:
    """Device, table, and everything that has to be said about each file."""
    console = Console(width=max(130, Console().width), highlight=False)
    parts = ", ".join(dict.fromkeys(core.part for core in found.device.cores if core.part))
    console.print(
        f"[bold]{found.device.name}[/]: {found.device.model}, {found.device.os}, {found.device.architecture}, "
        f"{len(found.device.cores)} cores{f' ({parts})' if parts else ''}",
        soft_wrap=True,
    )
    console.print(_instructions(found) if found.emulated else _milliseconds(found))
    for measurement in found.measurements:
        _remarks(console, measurement)
    for comparison in found.comparisons:
        ratio = comparison.ratio
        console.print(
            f"{comparison.subject} takes {ratio.ratio:.3f} x the time of {comparison.reference} "
            f"(95 %: {ratio.low:.3f} to {ratio.high:.3f}): {_coloured(ratio.verdict)}",
            soft_wrap=True,
        )


def regression(found: Regression) -> None:
    """Each measurement that two reports share."""
    console = Console(width=max(130, Console().width), highlight=False)
    table = _table("file", "threads", "before", "after", "ratio", "95 %", "")
    for change in found.changes:
        interval = "exact" if change.low is None else f"{change.low:.3f} to {change.high:.3f}"
        verdict = "[red]regression[/]" if change.regressed else "ok"
        unit = found.unit
        table.add_row(
            change.file, str(change.threads), f"{change.before:.4g} {unit}", f"{change.after:.4g} {unit}",
            f"{change.ratio:.3f}", interval, verdict,
        )  # fmt: skip
    console.print(table)
    for warning in found.warnings:
        console.print(f"[yellow]note[/]: {warning}", soft_wrap=True)


def _milliseconds(found: LatencyReport) -> Table:
    shown = ("min", "median", "mean", "p90", "p95", "p99", "max")
    headings = (f"[bold]{name}[/]" if name == found.protocol.headline else name for name in shown)
    table = _table("file", "threads", "load", "first", "n", *headings, "verdict")
    for one in found.measurements:
        statistics = one.statistics
        if statistics is None or one.validity is None:
            continue
        table.add_row(
            one.label,
            str(one.threads),
            _ms(one.load_ms if one.starts else None),
            _ms(one.first_ms if one.starts else None),
            str(statistics.n),
            *(_ms(getattr(statistics, f"{name}_ms")) for name in shown),
            _coloured(one.validity.verdict),
        )
    table.caption = f"ms; {found.protocol.name} protocol, {found.protocol.starts} process starts, interleaved"
    return table


def _instructions(found: LatencyReport) -> Table:
    table = _table("file", "instructions", "SIMD", "dot product", "load/store", "branch")
    for one in found.measurements:
        counts = one.instructions
        if counts is not None:
            classes = (counts.total, counts.simd, counts.dot_product, counts.load_store, counts.branch)
            table.add_row(one.label, *(f"{number / 1e6:.2f} M" for number in classes))
    table.caption = "instructions per inference, 1 thread, counted; an emulated device has no milliseconds"
    return table


def _remarks(console: Console, one: Measurement) -> None:
    console.print(f"\n[bold]{one.name}[/]", soft_wrap=True)
    engine = one.engine
    where = f", {engine.delegate}" if engine.delegate else ""
    console.print(f"  {engine.runtime} {engine.runtime_version} by the {engine.runner} runner{where}", soft_wrap=True)
    if one.validity is not None:
        because = f": {'; '.join(one.validity.reasons)}" if one.validity.reasons else ""
        console.print(f"  {_coloured(one.validity.verdict)}{because}", soft_wrap=True)
    if one.verification is not None:
        said = one.verification
        found = "bit-exact" if said.bit_exact else f"max error {said.max_abs_error or 0:.2g}"
        if said.sqnr_db is not None:
            found += f", SQNR {said.sqnr_db:.1f} dB"
        detail = "; ".join(part for part in (found, f"demanded: {said.demanded}", said.inputs, said.reason) if part)
        console.print(f"  outputs against {said.here}: {_coloured(said.status)} ({detail})", soft_wrap=True)
    if one.operators is not None:
        profile = one.operators
        table = _table("operator", "count", "ms", "%", "", "module", "ms", "%")
        for index in range(min(12, max(len(profile.by_operator), len(profile.by_module)))):
            cells: list[str] = []
            for kind in (profile.by_operator, profile.by_module):
                if index < len(kind):
                    row = kind[index]
                    count = [str(row.count)] if kind is profile.by_operator else []
                    cells += [row.name, *count, f"{row.median_ms:.3f}", f"{row.percent:.1f}"]
                else:
                    cells += [""] * (4 if kind is profile.by_operator else 3)
                cells += [""] if kind is profile.by_operator else []
            table.add_row(*cells)
        console.print(table)
        if profile.attention_percent is not None:
            console.print(f"  attention costs {profile.attention_percent:.1f} % of the time in operators")
        console.print(f"  {profile.source}, {profile.runs} runs of their own", soft_wrap=True)


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, caption_justify="left")
    for heading in headings:
        left = heading in ("file", "verdict", "operator", "module", "")
        table.add_column(heading, justify="left" if left else "right", overflow="fold")
    return table


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _coloured(word: str) -> str:
    return f"[{_COLOURS[word]}]{word}[/]"
