"""Reports -> terminal. Functions here print and compute nothing."""

from __future__ import annotations  # the reports' modules are slow to import, and lists need none of them

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from ca_deploy.evaluation.accuracy import AccuracyReport
    from ca_deploy.pipeline.export import Export
    from ca_deploy.records.compat import CompatRecord
    from ca_deploy.records.manifest import Manifest
    from ca_deploy.records.parity import ParityReport

_COLOURS = {"pass": "green", "fail": "red", "skipped": "yellow"}


def names(title: str, rows: Mapping[str, str]) -> None:
    """Name and description, one a line."""
    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, description in rows.items():
        table.add_row(f"[bold]{name}[/]", description)
    Console().print(table)


def exports(done: Sequence[Export]) -> None:
    """One table of figures, then everything that has to be said about each file."""
    console = Console(width=max(96, Console().width))
    table = Table(box=None, pad_edge=False)
    for heading in ("recipe", "size", "of float32", "time", "parity", "max error", "SQNR", "agreement"):
        table.add_column(heading, justify="left" if heading in ("recipe", "parity") else "right", overflow="fold")
    for export in done:
        found = export.manifest
        table.add_row(
            found.recipe.name,
            f"{found.size_bytes / 1e6:.2f} MB",
            f"{found.size_bytes / found.float32_size_bytes:.2f}",
            f"{export.seconds:.0f} s",
            _status(found.parity),
            *_figures(found.parity),
        )
    console.print(table)
    for export in done:
        console.print(f"\n[bold]{escape(str(export.path))}[/]", highlight=False, soft_wrap=True)
        for line in _remarks(export.manifest):
            console.print(f"  {line}", highlight=False, soft_wrap=True)
    console.print(
        "\nBeside each file: its manifest (.json), code that feeds it (.py; .kt or .swift), the converter's log (.log)."
    )


def parity(report: ParityReport) -> None:
    """One comparison."""
    table = Table(title=escape(f"{report.subject} against {report.reference}"), title_justify="left", show_header=False)
    error, sqnr, agreement = _figures(report)
    for name, value in {
        "parity": _status(report),
        "runtime": report.runtime,
        "images": str(report.images),
        "max abs error": error,
        "SQNR": sqnr,
        "cosine": "" if report.cosine is None else f"{report.cosine:.6f}",
        "top-1 agreement": agreement,
        "reason": escape(report.reason),
        "note": escape(report.default_settings.note) if report.default_settings else "",
    }.items():
        if value:
            table.add_row(name, value)
    Console().print(table)


def accuracy(report: AccuracyReport) -> None:
    """Accuracy, the paired difference, and what is mistaken for what."""
    console = Console()
    table = Table(title=escape(f"{report.model} on {report.data}"), title_justify="left", show_header=False)
    rows = {
        "runtime": report.runtime,
        "photos": str(report.images),
        "top-1": f"{report.top1:.2f} %",
        "top-5": f"{report.top5:.2f} %",
    }
    if report.paired:
        paired = report.paired
        rows |= {
            f"top-1 of {paired.against}": f"{paired.against_top1:.2f} %",
            "difference": f"{paired.top1_difference:+.2f} points, McNemar p = {paired.p_value:.3g}",
            "both right / only this / only that / neither": f"{paired.both_right} / {paired.only_model_right} / "
            f"{paired.only_other_right} / {paired.both_wrong}",
            "agreement": f"{paired.agreement:.2f} %",
            "SQNR": "no difference" if paired.sqnr_db is None else f"{paired.sqnr_db:.1f} dB",
        }
    for name, value in rows.items():
        table.add_row(escape(name), value)
    console.print(table)
    for confusion in report.confusions[:10]:
        console.print(
            f"{confusion.count} x {confusion.truth} taken for {confusion.answer}", highlight=False, markup=False
        )
    for complaint in report.unreadable:
        console.print(f"[yellow]left out[/]: {escape(complaint)}", highlight=False, soft_wrap=True)


def flat(manifest: Manifest) -> dict[str, Any]:
    """A manifest for machines, with the parity figures at hand on top."""
    parity_keys = ("status", "max_abs_error", "sqnr_db", "cosine", "agreement")
    found = {key: getattr(manifest.parity, key) for key in parity_keys}
    return {**found, "manifest": dataclasses.asdict(manifest)}


def _remarks(manifest: Manifest) -> list[str]:
    lines = [escape(f"stayed float: {f.count} x {f.operator} ({f.reason})") for f in manifest.float_operators]
    if manifest.recipe.is_integer and not lines:
        lines.append("no operator stayed float")
    if manifest.speed:
        ratio = manifest.speed.float32_median_ms / manifest.speed.median_ms
        lines.append(f"{ratio:.2f} x the speed of float32 on this machine (a hint, not a phone's latency)")
    lines += [
        escape(f"on {found.target}: {found.skipped or found.verdict}{_worst(found)}")
        for found in manifest.compatibility
    ]
    lines += [f"[yellow]note[/]: {escape(warning)}" for warning in manifest.warnings]
    if manifest.parity.reason:
        lines.append(f"parity {_status(manifest.parity)}: {escape(manifest.parity.reason)}")
    return lines


def _worst(record: CompatRecord) -> str:
    counts = Counter((finding.operator, finding.verdict) for finding in record.findings)
    named = [f"{count} x {operator} ({verdict})" for (operator, verdict), count in counts.most_common(3)]
    return f": {', '.join(named)}" if named else ""


def _status(report: ParityReport) -> str:
    return f"[{_COLOURS[report.status]}]{report.status}[/]"


def _figures(report: ParityReport) -> tuple[str, str, str]:
    error = "" if report.max_abs_error is None else f"{report.max_abs_error:.2g}"
    sqnr = "" if report.sqnr_db is None else f"{report.sqnr_db:.1f} dB"
    agreement = "" if report.agreement is None else f"{report.agreement:.1f} %"
    return error, sqnr, agreement
