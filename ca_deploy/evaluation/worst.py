"""Several comparisons of one file as one report: the worst counts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ca_deploy.evaluation import metrics
from ca_deploy.records.image_sizes import Size2d, size_text
from ca_deploy.records.parity import ParityReport, RuntimeParity, SizeParity, Status


def with_sizes(own: ParityReport, others: Mapping[Size2d, ParityReport]) -> ParityReport:
    """The report at the network's own size, with those on images of ``others``."""
    reasons = [own.reason] if own.reason else []
    reasons += [f"at {size_text(size)} px: {found.reason}" for size, found in others.items() if found.reason]
    sizes = tuple(
        SizeParity(*size, found.status, found.max_abs_error, found.sqnr_db, found.agreement)
        for size, found in others.items()
    )
    return replace(_worst(own, [own, *others.values()]), reason="; ".join(reasons), sizes=sizes)


def with_unfinished(own: ParityReport, before: ParityReport) -> ParityReport:
    """The report of a file, with that of the tensors before what its format added to them."""
    nothing = "" if own.outputs else "no detection in any image: only the tensors before suppression were compared"
    reasons = [why for why in (own.reason, nothing, before.reason if before.reason != own.reason else "") if why]
    return replace(
        _worst(own, [own, before]),
        reason="; ".join(reasons),
        agreement=own.agreement,
        agreement_at_most=own.agreement_at_most,
        outputs=(*before.outputs, *own.outputs),
        not_unrounded=before.not_unrounded,
    )


def in_runtimes(reports: Sequence[ParityReport]) -> ParityReport:
    """The reports of several runtimes on the same images; one alone stays as it is."""
    if len(reports) == 1:
        return reports[0]
    runtimes = tuple(
        RuntimeParity(found.runtime, found.status, found.max_abs_error, found.sqnr_db, found.agreement)
        for found in reports
    )
    status = Status.worst(found.status for found in reports)
    worst = next(found for found in reports if found.status == status)
    reasons = [f"in {found.runtime}: {found.reason}" for found in reports if found.reason]
    return replace(_worst(worst, reports), reason="; ".join(reasons), runtimes=runtimes)


def of_signatures(reports: Mapping[str, ParityReport]) -> ParityReport:
    """The reports of the signatures of one file: all outputs and inputs, each with its signature."""
    every = list(reports.values())
    return replace(
        _worst(every[0], every),
        reason="; ".join(f"{key}: {report.reason}" for key, report in reports.items() if report.reason),
        outputs=tuple(
            replace(given, name=f"{key}/{given.name}") for key, report in reports.items() for given in report.outputs
        ),
        inputs=tuple(
            replace(taken, name=f"{key}/{taken.name}") for key, report in reports.items() for taken in report.inputs
        ),
    )


def _worst(of: ParityReport, every: Sequence[ParityReport]) -> ParityReport:
    return replace(
        of,
        status=Status.worst(found.status for found in every),
        max_abs_error=metrics.largest(found.max_abs_error for found in every),
        sqnr_db=metrics.smallest(found.sqnr_db for found in every),
        cosine=metrics.smallest(found.cosine for found in every),
        agreement=metrics.smallest(found.agreement for found in every),
        agreement_at_most=metrics.smallest(found.agreement_at_most for found in every),
    )
