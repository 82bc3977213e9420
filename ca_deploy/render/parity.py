"""Parity reports -> blocks."""

from __future__ import annotations  # the records are only needed in annotations

from typing import TYPE_CHECKING

from ca_deploy.render.blocks import Facts, Page, Phrase, Piece, Role

if TYPE_CHECKING:
    from ca_deploy.records.parity import ParityReport

_ROLES = {"pass": Role.GOOD, "fail": Role.BAD, "skipped": Role.CAUTION}


def page(report: ParityReport) -> Page:
    """The status and its reason, the runtime, and every figure that was measured."""
    error, sqnr, agreement = figures(report)
    facts: dict[str, Phrase] = {
        "parity": status(report),
        "runtime": report.runtime,
        "images": str(report.images),
        "max abs error": error,
        "SQNR": sqnr,
        "cosine": "" if report.cosine is None else f"{report.cosine:.6f}",
        report.agreement_name: agreement,
        "reason": report.reason,
        "note": report.default_settings.note if report.default_settings else "",
    }
    rows = tuple((name, value) for name, value in facts.items() if value)
    return Page((Facts(f"{report.subject} against {report.reference}", rows, framed=True),))


def status(report: ParityReport) -> Piece:
    """``pass``, ``fail`` or ``skipped`` in its role."""
    return Piece(report.status, _ROLES[report.status])


def figures(report: ParityReport) -> tuple[str, str, str]:
    """Max abs error, SQNR and agreement with their units; "" where one was not measured."""
    error = "" if report.max_abs_error is None else f"{report.max_abs_error:.2g}"
    sqnr = "" if report.sqnr_db is None else f"{report.sqnr_db:.1f} dB"
    agreement = "" if report.agreement is None else f"{report.agreement:.1f} %"
    return error, sqnr, agreement
