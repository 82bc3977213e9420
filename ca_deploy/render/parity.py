"""Parity reports -> blocks."""

from __future__ import annotations  # the records are only needed in annotations

from typing import TYPE_CHECKING

from ca_deploy.errors import listed
from ca_deploy.render.blocks import Column, Facts, Page, Phrase, Piece, Role, Table
from ca_deploy.render.roles import STATUSES

if TYPE_CHECKING:
    from ca_deploy.records.parity import LayerParity, LayersParity, OutputParity, ParityReport, RuntimeParity

_LEAST_LOSS_DB, _LARGE_LOSS_DB = 0.1, 6.0  # of 6 dB, the error is twice as large beside the values


def page(report: ParityReport) -> Page:
    """The status and its reason, the runtime, and every figure that was measured."""
    error, sqnr, agreement = figures(report)
    facts: dict[str, Phrase] = {
        "parity": status(report),
        "runtime": "" if report.runtimes else report.runtime,
        "compared on": f"{report.images} {report.image_set}".rstrip(),
        "inputs": listed([given.text for given in report.inputs]),
        "max abs error": error,
        "SQNR": sqnr,
        "cosine": "" if report.cosine is None else f"{report.cosine:.6f}",
        report.agreement_name: agreement,
        "worst channel": channels(report.outputs[0]) if len(report.outputs) == 1 else "",
        "without rounding": report.not_unrounded or (unrounded(report.outputs[0]) if len(report.outputs) == 1 else ""),
        "reason": report.reason,
        "note": report.default_settings.note if report.default_settings else "",
    }
    rows = tuple((name, value) for name, value in facts.items() if value)
    tables = [outputs(report)] if len(report.outputs) > 1 else []
    if report.runtimes:
        tables.append(runtimes(report))
    if report.layers is not None:
        tables.append(layers(report.layers))
    return Page((Facts(f"{report.subject} against {report.reference}", rows, framed=True), *tables))


def layers(found: LayersParity, most: int | None = None) -> Table:
    """The SQNR of what each module gives, and by how much it is lower than that of what it takes.

    ``most``: only so many, those that lose most, in the order of the network.
    """
    chosen = {one.module for one in found.by_loss[:most]}
    rows = tuple((one.module, layer_figure(one), _loss(one)) for one in found.layers if one.module in chosen)
    left = f"the {len(rows)} of {len(found.layers)} that lose most, " if len(rows) < len(found.layers) else ""
    caption = f"error by layer: {left}on {found.samples} samples"
    if found.absent:
        caption += f"; {len(found.absent)} modules are fused with others, and have no tensor of their own"
    return Table((Column("layer"), Column("SQNR", "right"), Column("lost here", "right")), rows, caption)


def layer_figure(one: LayerParity) -> Phrase:
    """Its SQNR, or what it has instead of one."""
    if one.not_a_number:
        return Piece("NaN", Role.BAD)
    return "equal" if one.sqnr_db is None else _db(one.sqnr_db)


def _loss(one: LayerParity) -> Phrase:
    if one.lost_db is None or one.lost_db < _LEAST_LOSS_DB:
        return ""
    lost = _db(one.lost_db)
    return Piece(lost, Role.CAUTION) if one.lost_db >= _LARGE_LOSS_DB else lost


def runtimes(report: ParityReport) -> Table:
    """The status and the figures in each runtime."""
    headings = (Column("runtime"), Column("parity"), *(Column(name, "right") for name in ("max error", "SQNR")))
    rows = tuple((one.runtime, status(one), *figures(one)) for one in report.runtimes)
    return Table((*headings, Column("agreement", "right")), rows)


def outputs(report: ParityReport) -> Table:
    """The figures of each output, and whether they are within the tolerances."""
    rows = tuple(
        (one.name, output_status(one), ", ".join(output_figures(one)), channels(one), unrounded(one))
        for one in report.outputs
    )
    headings = ("output", "parity", "figures", "worst channel", "without rounding")
    used = 5 if any(row[4] for row in rows) else 4
    return Table(tuple(map(Column, headings[:used])), tuple(row[:used] for row in rows))


def output_status(found: OutputParity) -> Piece:
    return Piece("fail", Role.BAD) if found.missed else Piece("pass", Role.GOOD)


def output_figures(found: OutputParity) -> list[str]:
    """Its figures with their names and units."""
    if found.equal_percent is not None:
        return [f"{found.equal_percent:.1f} % equal"]
    error = f"max error {_error(found.max_abs_error)}"
    return [error] if found.sqnr_db is None else [error, f"SQNR {_db(found.sqnr_db)}"]


def channels(found: OutputParity) -> str:
    """The channel with the lowest SQNR about its mean; "" where an output has none, or all are equal."""
    if found.channels is None or found.channels.noisiest.sqnr_db is None:
        return ""
    worst, number = found.channels.noisiest, f"{found.channels.noisiest.channel}: " if found.channels.count > 1 else ""
    return f"{number}{worst.sqnr_db:.1f} dB about its mean ({worst.variance_explained_percent:.1f} % of its variance)"


def unrounded(found: OutputParity) -> str:
    """The channel nearest to missing what it needs without rounding of activations; "" where that was not measured."""
    if found.unrounded is None or found.unrounded.sqnr_db is None:
        return ""
    worst = found.unrounded
    number = f"{worst.channel}: " if found.channels and found.channels.count > 1 else ""
    return f"{number}{_db(worst.sqnr_db)} ({_db(worst.least_db)} needed)"


def status(report: ParityReport | RuntimeParity) -> Piece:
    """``pass``, ``fail`` or ``skipped`` in its role."""
    return Piece(report.status, STATUSES[report.status])


def figures(report: ParityReport | RuntimeParity) -> tuple[str, str, str]:
    """Max abs error, SQNR and agreement with their units; "" where one was not measured."""
    agreement = "" if report.agreement is None else f"{report.agreement:.1f} %"
    return _error(report.max_abs_error), _db(report.sqnr_db), agreement


def _error(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def _db(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} dB"
