"""Accuracy on labelled photos -> blocks."""

from __future__ import annotations  # the records are slow to import, and only annotations need them

from typing import TYPE_CHECKING

from ca_deploy.render.blocks import Facts, Line, Page, Piece, Role

if TYPE_CHECKING:
    from ca_deploy.records.accuracy import AccuracyReport, PairedReport

_CONFUSIONS_SHOWN = 10
_NAMES = {"top1": "top-1", "top5": "top-5"}


def page(report: AccuracyReport) -> Page:
    """Accuracy, the paired comparison, the most frequent confusions, and the unreadable photos."""
    facts = {"runtime": report.runtime, "photos": str(report.images)}
    facts |= {_NAMES.get(name, name): f"{percent:.2f} %" for name, percent in report.figures.items()}
    if report.by_class_name:
        facts |= {f"{report.by_class_name} of {name}": f"{share:.2f} %" for name, share in report.top1_by_class.items()}
    if report.paired:
        facts |= _paired(report.paired, report.right_name)
    confusions = (
        Line(f"{confusion.count} x {confusion.truth} taken for {confusion.answer}", wrap=True)
        for confusion in report.confusions[:_CONFUSIONS_SHOWN]
    )
    left_out = (Line((Piece("left out", Role.CAUTION), f": {complaint}")) for complaint in report.unreadable)
    table = Facts(f"{report.model} on {report.data}", tuple(facts.items()), framed=True)
    return Page((table, *confusions, *left_out))


def _paired(paired: PairedReport, right_name: str) -> dict[str, str]:
    photos = (paired.both_right, paired.only_model_right, paired.only_other_right, paired.both_wrong)
    agreement = {} if paired.agreement is None else {"agreement": f"{paired.agreement:.2f} %"}
    others = {
        f"{name} of {paired.against}": f"{percent:.2f} %"
        for name, percent in paired.against_figures.items()
        if name not in _NAMES
    }
    return {
        **others,
        f"{right_name} of {paired.against}": f"{paired.against_top1:.2f} %",
        "difference": f"{paired.top1_difference:+.2f} points, McNemar p = {paired.p_value:.3g}",
        "both right / only this / only that / neither": " / ".join(map(str, photos)),
        **agreement,
        "SQNR": "no difference" if paired.sqnr_db is None else f"{paired.sqnr_db:.1f} dB",
    }
