"""Numerical parity: does the exported file compute what PyTorch computes?"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ca_deploy.data.images import ImageBatch
from ca_deploy.errors import UsageError
from ca_deploy.evaluation import metrics
from ca_deploy.evaluation.predictor import Predictor
from ca_deploy.progress import Progress, silent
from ca_deploy.records.parity import DefaultSettings, ParityReport, Status
from ca_deploy.records.recipe import Tolerances
from ca_deploy.runtimes import Session
from ca_deploy.tasks import Task

FEWEST_IMAGES = 32
# SQNR may differ by this much between kernels that all accumulate exactly, because they round at different points.
KERNEL_NOISE_DB = 0.3


def outputs_of(predictor: Predictor, images: NDArray[np.uint8], progress: Progress = silent) -> NDArray[np.float32]:
    """The outputs for images ``(N, S, S, 3)`` as one array ``(N, …)``.

    Raises:
        UsageError: the images do not have the model's input size.
    """
    wanted = predictor.preprocessing
    if images.shape[1:] != (wanted.height, wanted.width, wanted.depth):
        raise UsageError(
            f"{predictor.name} takes {wanted.size_text} px of {wanted.channels}, but the images are "
            f"{images.shape[1]}x{images.shape[2]} px of {images.shape[3]} channels."
        )
    answers = []
    for answer in predictor(images):
        answers.append(answer)
        progress(len(answers), len(images))
    return np.stack(answers)


def measure(
    subject: Predictor,
    reference_name: str,
    reference: NDArray[np.float32],
    images: ImageBatch,
    tolerances: Tolerances,
    progress: Progress = silent,
    default: Session | None = None,
) -> ParityReport:
    """Compare a model with the reference's outputs ``(N, …)`` on the same images.

    ``default`` is the same file opened with its runtime's default settings, which is measured too and does not affect
    the status.
    """
    found = outputs_of(subject, images.pixels, progress)
    if found.shape != reference.shape:
        raise UsageError(f"{subject.name} returns {found.shape[1:]}, {reference_name} returns {reference.shape[1:]}.")
    figures = _Figures.of(subject.task, reference, found)
    failures = figures.misses(tolerances)
    if len(images) < FEWEST_IMAGES:
        failures.append(f"only {len(images)} images; parity needs {FEWEST_IMAGES} that calibration has not seen")
    return ParityReport(
        status=Status.FAIL if failures else Status.PASS,
        reason="; ".join(failures),
        subject=subject.name,
        reference=reference_name,
        runtime=subject.session.runtime,
        tolerances=tolerances,
        images=len(images),
        max_abs_error=figures.max_abs_error,
        sqnr_db=figures.finite_sqnr_db,
        cosine=metrics.cosine(reference, found),
        agreement=figures.agreement,
        images_sha256=images.sha256,
        default_settings=_default_settings(subject, default, figures, reference, images) if default else None,
        agreement_name=subject.task.agreement_name,
    )


@dataclass(frozen=True, slots=True)
class _Figures:
    max_abs_error: float
    sqnr_db: float
    agreement: float | None

    @classmethod
    def of(cls, task: Task, reference: NDArray[np.float32], found: NDArray[np.float32]) -> "_Figures":
        agreement = task.agreement(reference, found) if task.agreement else None
        return cls(metrics.max_abs_error(reference, found), metrics.sqnr_db(reference, found), agreement)

    @property
    def finite_sqnr_db(self) -> float | None:
        return self.sqnr_db if np.isfinite(self.sqnr_db) else None

    def misses(self, tolerances: Tolerances) -> list[str]:
        """One message per tolerance that is missed; NaN misses any."""
        failures = []
        if tolerances.max_abs_error is not None and not self.max_abs_error <= tolerances.max_abs_error:
            failures.append(f"max abs error {self.max_abs_error:.3g} is above {tolerances.max_abs_error:g}")
        if tolerances.sqnr_db is not None and not self.sqnr_db >= tolerances.sqnr_db:
            failures.append(f"SQNR {self.sqnr_db:.1f} dB is below {tolerances.sqnr_db:g} dB")
        least = tolerances.agreement_percent
        if least is not None and self.agreement is not None and not self.agreement >= least:
            failures.append(f"agreement {self.agreement:.1f} % is below {least:g} %")
        return failures


def _default_settings(
    subject: Predictor, default: Session, judged: _Figures, reference: NDArray[np.float32], images: ImageBatch
) -> DefaultSettings:
    found = _Figures.of(subject.task, reference, outputs_of(replace(subject, session=default), images.pixels))
    fewer = found.agreement is not None and judged.agreement is not None and found.agreement < judged.agreement
    return DefaultSettings(
        needed=subject.session.settings,
        runtime=default.runtime,
        max_abs_error=found.max_abs_error,
        sqnr_db=found.finite_sqnr_db,
        agreement=found.agreement,
        worse=fewer or not found.sqnr_db >= judged.sqnr_db - KERNEL_NOISE_DB,
    )
