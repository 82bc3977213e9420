"""Numerical parity: does the exported file compute what PyTorch computes?"""

from dataclasses import dataclass, replace

import numpy as np

from ca_deploy.errors import UsageError
from ca_deploy.evaluation import metrics
from ca_deploy.evaluation.output_parity import compare_output
from ca_deploy.evaluation.predictor import Outputs, Predictor
from ca_deploy.progress import Progress, silent
from ca_deploy.records.parity import DefaultSettings, OutputParity, ParityReport, Status
from ca_deploy.records.recipe import FLOOR_AGREEMENT_PERCENT, Tolerances
from ca_deploy.records.samples import Samples
from ca_deploy.runtimes import Session

FEWEST_IMAGES = 32
# SQNR may differ by this much between kernels that all accumulate exactly, because they round at different points.
KERNEL_NOISE_DB = 0.3


def measure(
    subject: Predictor,
    reference_name: str,
    reference: Outputs,
    samples: Samples,
    tolerances: Tolerances,
    progress: Progress = silent,
    default: Session | None = None,
) -> ParityReport:
    """Compare a model with the reference's outputs, each ``(N, …)``, on the same samples; each output is judged.

    ``default`` is the same file opened with its runtime's default settings, which is measured too and does not affect
    the status.

    Raises:
        UsageError: the two have other outputs, or outputs of other shapes.
    """
    found = subject.run(samples, progress)
    reference = in_order(subject, reference_name, reference, found)
    figures = _Figures.of(subject, reference, found, tolerances)
    status, reasons = Status.PASS, list(figures.failures)
    if reasons:
        status = Status.FAIL
    elif len(samples) < FEWEST_IMAGES:
        status = Status.SKIPPED
        reasons.append(
            f"{len(samples)} images are too few: a verdict needs {FEWEST_IMAGES} that calibration has not seen"
        )
    return ParityReport(
        status=status,
        reason="; ".join(reasons),
        subject=subject.name,
        reference=reference_name,
        runtime=subject.session.runtime,
        tolerances=tolerances,
        images=len(samples),
        max_abs_error=figures.max_abs_error,
        sqnr_db=figures.sqnr_db,
        cosine=metrics.smallest(one.cosine for one in figures.outputs),
        agreement=figures.agreement,
        agreement_at_most=figures.agreement_at_most,
        images_sha256=samples.sha256,
        default_settings=_default_settings(subject, default, figures, reference, samples) if default else None,
        agreement_name=subject.task.agreement_name,
        outputs=figures.outputs,
    )


def in_order(subject: Predictor, reference_name: str, reference: Outputs, found: Outputs) -> Outputs:
    """The reference's outputs under the subject's names: those of the same name, or an only one by its place."""
    if len(reference) == len(found) == 1:
        reference = dict(zip(found, reference.values(), strict=True))
    if reference.keys() != found.keys():
        raise UsageError(f"{subject.name} gives {', '.join(found)}, and {reference_name} {', '.join(reference)}.")
    for name, values in found.items():
        if values.shape != reference[name].shape:
            raise UsageError(
                f"{subject.name} returns {name} {values.shape[1:]}, {reference_name} returns "
                f"{reference[name].shape[1:]}."
            )
    return {name: reference[name] for name in found}


@dataclass(frozen=True, slots=True)
class _Figures:
    """``failures`` has one message per tolerance that is missed; NaN misses any."""

    outputs: tuple[OutputParity, ...]
    agreement: float | None
    agreement_at_most: float | None
    failures: tuple[str, ...]

    @classmethod
    def of(cls, subject: Predictor, reference: Outputs, found: Outputs, tolerances: Tolerances) -> "_Figures":
        task = subject.task
        if task.aligned is not None:
            outputs = _aligned_outputs(subject, reference, found, tolerances)
        else:
            outputs = tuple(
                compare_output(
                    one,
                    task.compared(reference[one.name]),
                    task.compared(found[one.name]),
                    tolerances.of(one.name),
                    task,
                    subject.labels,
                )
                for one in subject.signature.outputs
            )
        several = len(outputs) > 1
        failures = [f"{one.name}: {missed}" if several else missed for one in outputs for missed in one.missed]
        agreement = at_most = None
        if task.agrees:
            shares = task.agrees(reference, found)
            agreement, at_most = float(100 * shares.mean()), metrics.at_most_percent(float(shares.sum()), len(shares))
            least = tolerances.agreement_percent
            if least is None and task.aligned is not None:  # what has no counterpart counts here alone
                least = FLOOR_AGREEMENT_PERCENT
            if least is not None and not at_most >= least:
                failures.append(
                    f"agreement {agreement:.1f} % of {len(shares)} (at most {at_most:.1f} % in all images, with 95 % "
                    f"confidence) is below {least:g} %"
                )
        return cls(outputs, agreement, at_most, tuple(failures))

    @property
    def max_abs_error(self) -> float | None:
        return metrics.largest(one.max_abs_error for one in self.outputs)

    @property
    def sqnr_db(self) -> float | None:
        return metrics.smallest(one.sqnr_db for one in self.outputs)


def _aligned_outputs(
    subject: Predictor, reference: Outputs, found: Outputs, tolerances: Tolerances
) -> tuple[OutputParity, ...]:
    """The outputs that have values that belong to each other. Their errors are judged alone: the other tolerances are
    for whole tensors, which are judged before the head (:mod:`ca_deploy.evaluation.unfinished`)."""
    task = subject.task
    if task.aligned is None:
        return ()
    expected, given = task.aligned(reference, found)
    compared = []
    for one in subject.signature.outputs:
        if one.name in expected and len(expected[one.name]):
            allowed = Tolerances(max_abs_error=tolerances.of(one.name).max_abs_error)
            figures = compare_output(one, np.asarray(expected[one.name]), np.asarray(given[one.name]), allowed, task)
            compared.append(replace(figures, channels=None))
    return tuple(compared)


def _default_settings(
    subject: Predictor, default: Session, judged: _Figures, reference: Outputs, samples: Samples
) -> DefaultSettings:
    found = replace(subject, session=default).run(samples)
    figures = _Figures.of(subject, reference, found, Tolerances())
    fewer = figures.agreement is not None and judged.agreement is not None and figures.agreement < judged.agreement
    noisier = figures.sqnr_db is not None and not (
        figures.sqnr_db >= (np.inf if judged.sqnr_db is None else judged.sqnr_db) - KERNEL_NOISE_DB
    )
    return DefaultSettings(
        needed=subject.session.settings,
        runtime=default.runtime,
        max_abs_error=figures.max_abs_error,
        sqnr_db=figures.sqnr_db,
        agreement=figures.agreement,
        worse=fewer or noisier,
    )
