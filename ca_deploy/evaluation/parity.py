"""Numerical parity: does the exported file compute what PyTorch computes?"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ca_deploy.errors import UsageError
from ca_deploy.evaluation import metrics
from ca_deploy.evaluation.predictor import Outputs, Predictor
from ca_deploy.progress import Progress, silent
from ca_deploy.records.parity import DefaultSettings, OutputParity, ParityReport, Status
from ca_deploy.records.recipe import Tolerances
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkOutput
from ca_deploy.runtimes import Session

FEWEST_IMAGES = 32
# SQNR may differ by this much between kernels that all accumulate exactly, because they round at different points.
KERNEL_NOISE_DB = 0.3
# An error is judged in units of the output, but float32 cannot be exact to less than this share of large values: boxes
# in pixels are in the hundreds.
_OF_LARGEST = 1e-5
_EQUAL_PERCENT = 99.9  # of the integers that a float file gives


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
    failures = list(figures.failures)
    if len(samples) < FEWEST_IMAGES:
        failures.append(f"only {len(samples)} images; parity needs {FEWEST_IMAGES} that calibration has not seen")
    return ParityReport(
        status=Status.FAIL if failures else Status.PASS,
        reason="; ".join(failures),
        subject=subject.name,
        reference=reference_name,
        runtime=subject.session.runtime,
        tolerances=tolerances,
        images=len(samples),
        max_abs_error=figures.max_abs_error,
        sqnr_db=figures.sqnr_db,
        cosine=metrics.smallest(one.cosine for one in figures.outputs),
        agreement=figures.agreement,
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
    failures: tuple[str, ...]

    @classmethod
    def of(cls, subject: Predictor, reference: Outputs, found: Outputs, tolerances: Tolerances) -> "_Figures":
        seen_as = subject.task.compared
        outputs = tuple(
            _compared(one, seen_as(reference[one.name]), seen_as(found[one.name]), tolerances.of(one.name))
            for one in subject.signature.outputs
        )
        several = len(outputs) > 1
        failures = [f"{one.name}: {missed}" if several else missed for one in outputs for missed in one.missed]
        task, least = subject.task, tolerances.agreement_percent
        agreement = task.agreement(reference, found) if task.agreement else None
        if least is not None and agreement is not None and not agreement >= least:
            failures.append(f"agreement {agreement:.1f} % is below {least:g} %")
        return cls(outputs, agreement, tuple(failures))

    @property
    def max_abs_error(self) -> float | None:
        return metrics.largest(one.max_abs_error for one in self.outputs)

    @property
    def sqnr_db(self) -> float | None:
        return metrics.smallest(one.sqnr_db for one in self.outputs)


def _compared(
    given: NetworkOutput, reference: NDArray[np.float32], found: NDArray[np.float32], tolerances: Tolerances
) -> OutputParity:
    if not given.dtype.startswith("float"):
        equal = float(100 * np.mean(reference == found))
        least = tolerances.agreement_percent if tolerances.agreement_percent is not None else _EQUAL_PERCENT
        unequal = () if equal >= least else (f"{equal:.1f} % of the values are equal, below {least:g} %",)
        return OutputParity(given.name, equal_percent=equal, missed=unequal)
    error, sqnr = metrics.max_abs_error(reference, found), metrics.sqnr_db(reference, found)
    missed: tuple[str, ...] = ()
    if tolerances.max_abs_error is not None:
        # Each position by its own largest value, so that boxes in pixels do not excuse the scores beside them.
        allowed = np.maximum(tolerances.max_abs_error, _OF_LARGEST * np.abs(reference).max(axis=0, initial=0))
        errors = np.abs(reference.astype(np.float64) - found)
        if not (errors <= allowed).all():
            excess = np.where(np.isnan(errors), np.inf, errors - allowed)
            place = np.unravel_index(np.argmax(excess), errors.shape)
            missed += (f"max abs error {errors[place]:.3g} is above {allowed[place[1:]]:.3g}",)
    if tolerances.sqnr_db is not None and not sqnr >= tolerances.sqnr_db:
        missed += (f"SQNR {sqnr:.1f} dB is below {tolerances.sqnr_db:g} dB",)
    finite = None if np.isinf(sqnr) and sqnr > 0 else sqnr
    return OutputParity(given.name, error, finite, metrics.cosine(reference, found), None, missed)


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
