"""Exported files -> blocks, and JSON."""

from __future__ import annotations  # the exporter is slow to import, and only annotations need it

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ca_deploy.records.statistics import Difference
from ca_deploy.render import lowering, parity
from ca_deploy.render.blocks import Block, Column, Hint, Line, Page, Phrase, Piece, Role, Table

if TYPE_CHECKING:
    from ca_deploy.pipeline.export import Export
    from ca_deploy.records.compat import CompatRecord
    from ca_deploy.records.conversion import FloatOperator
    from ca_deploy.records.manifest import Manifest, SpeedRecord

_COLUMNS = (
    Column("recipe"),
    *(Column(heading, "right") for heading in ("size", "of float32", "time")),
    Column("parity"),
    *(Column(heading, "right") for heading in ("max error", "SQNR", "agreement")),
)
_BESIDE = "Beside each file: its manifest (.json), code that feeds it (.py; .kt or .swift), the converter's log (.log)."


def page(done: Sequence[Export]) -> Page:
    """A table of figures, the remarks on each file, and what was assumed of all of them."""
    blocks: list[Block] = [Table(_COLUMNS, tuple(_row(export) for export in done))]
    for export in done:
        blocks.append(Line(Piece(str(export.path), Role.STRONG), gap=True))
        blocks += (Line(remark, indent=2) for remark in _remarks(export.manifest))
    assumed = dict.fromkeys(export.manifest.assumptions for export in done if export.manifest.assumptions)
    blocks += (Line((Piece("assumed", Role.CAUTION), f": {'; '.join(said)}"), gap=True, wrap=True) for said in assumed)
    return Page((*blocks, Hint(_BESIDE, gap=True)), least_width=96)


def flat(manifest: Manifest) -> dict[str, Any]:
    """A manifest for JSON output, with the parity figures at the top level too."""
    parity_keys = ("status", "max_abs_error", "sqnr_db", "cosine", "agreement")
    found = {key: getattr(manifest.parity, key) for key in parity_keys}
    return {**found, "manifest": dataclasses.asdict(manifest)}


def _row(export: Export) -> tuple[Phrase, ...]:
    found = export.manifest
    return (
        found.recipe.name,
        f"{found.size_bytes / 1e6:.2f} MB",
        f"{found.size_bytes / found.float32_size_bytes:.2f}",
        f"{export.seconds:.0f} s",
        parity.status(found.parity),
        *parity.figures(found.parity),
    )


def _remarks(manifest: Manifest) -> Iterator[Phrase]:
    yield _signature(manifest)
    if manifest.parity.image_set:
        yield f"compared on {manifest.parity.images} {manifest.parity.image_set}"
    if len(manifest.parity.outputs) > 1:
        for one in manifest.parity.outputs:
            yield f"output {one.name}: ", parity.output_status(one), f", {', '.join(parity.output_figures(one))}"
    yield from lowering.sentences(manifest.lowering)
    yield from _float_operators(manifest.float_operators)
    if manifest.recipe.is_integer and not manifest.float_operators:
        yield "no operator stayed float"
    if manifest.speed:
        yield _speed(manifest.speed)
    if manifest.acceleration:
        yield f"{'; '.join(manifest.acceleration)} (why, and what to write instead: ca-deploy check FILE)"
    for record in manifest.compatibility:
        yield f"on {record.target}: {record.skipped or record.verdict}{_worst(record)}"
    for warning in manifest.warnings:
        yield Piece("note", Role.CAUTION), f": {warning}"
    if manifest.parity.reason:
        yield "parity ", parity.status(manifest.parity), f": {manifest.parity.reason}"


def _speed(speed: SpeedRecord) -> Phrase:
    """One sentence: how fast beside float32, with the interval, and the load of a busy machine."""
    times = f"{speed.float32_median_ms / speed.median_ms:.2f} x the speed of float32 on this machine"
    hint = "a hint, not a phone's latency"
    if speed.was_busy:
        hint += f"; a busy machine: load {speed.load_1min:.1f} on {speed.cores} cores, this export's included"
    if speed.ratio is None:
        return f"{times} ({hint})"
    interval = f"{1 / speed.ratio.high:.2f} to {1 / speed.ratio.low:.2f}"
    match speed.ratio.verdict:
        case Difference.NONE:
            return f"about as fast as float32 on this machine ({interval} x its speed; {hint})"
        case Difference.SLOWER:
            return Piece("slower than float32", Role.CAUTION), f": {times} ({interval}; {hint})"
    return f"{times} ({interval}; {hint})"


def _float_operators(found: Sequence[FloatOperator]) -> Iterator[str]:
    """A line per reason."""
    kinds: dict[str, list[str]] = {}
    for one in found:
        kinds.setdefault(one.reason, []).append(f"{one.count} x {one.operator}")
    for reason, counted in kinds.items():
        yield f"stayed float: {', '.join(counted)} ({reason})"


def _signature(manifest: Manifest) -> str:
    """What it takes and gives, and the task with the reason for it."""
    taken, given = (
        ", ".join(f"{spec.name} {spec.shape}" for spec in side) for side in (manifest.inputs, manifest.outputs)
    )
    task = f"; task {manifest.task}" if manifest.task else ""
    why = f": {manifest.task_reason} (--task says otherwise)" if manifest.task_reason else ""
    return f"{taken} -> {given}{task}{why}"


def _worst(record: CompatRecord) -> str:
    counts = Counter((finding.operator, finding.verdict) for finding in record.findings)
    named = [f"{count} x {operator} ({verdict})" for (operator, verdict), count in counts.most_common(3)]
    return f": {', '.join(named)}" if named else ""
