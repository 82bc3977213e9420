"""Numerical parity: does the exported file compute what PyTorch computes?"""

import numpy as np
from numpy.typing import NDArray

from ca_deploy import metrics
from ca_deploy.errors import UsageError
from ca_deploy.images import ImageBatch
from ca_deploy.parity_report import ParityReport
from ca_deploy.predictor import Predictor
from ca_deploy.progress import Progress, silent
from ca_deploy.recipe import Tolerances

FEWEST_IMAGES = 32


def outputs_of(predictor: Predictor, images: NDArray[np.uint8], progress: Progress = silent) -> NDArray[np.float32]:
    """All answers to ``(N, S, S, 3)`` as one array ``(N, …)``.

    Raises:
        UsageError: the images are not of the size that the model takes.
    """
    side = predictor.preprocessing.crop
    if images.shape[1:] != (side, side, 3):
        raise UsageError(
            f"{predictor.name} takes {side}x{side} px, but the images are {images.shape[2]}x{images.shape[1]}."
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
) -> ParityReport:
    """Compare a model with the reference's answers ``(N, …)`` on the same images."""
    found = outputs_of(subject, images.pixels, progress)
    if found.shape != reference.shape:
        raise UsageError(f"{subject.name} gives {found.shape[1:]}, {reference_name} gives {reference.shape[1:]}.")
    sqnr = metrics.sqnr_db(reference, found)
    agreement = metrics.agreement(reference, found) if reference.ndim == 2 else None
    error = metrics.max_abs_error(reference, found)
    failures = []
    if tolerances.max_abs_error is not None and not error <= tolerances.max_abs_error:
        failures.append(f"max abs error {error:.3g} is above {tolerances.max_abs_error:g}")
    if tolerances.sqnr_db is not None and not sqnr >= tolerances.sqnr_db:
        failures.append(f"SQNR {sqnr:.1f} dB is below {tolerances.sqnr_db:g} dB")
    if (
        tolerances.agreement_percent is not None
        and agreement is not None
        and not agreement >= tolerances.agreement_percent
    ):
        failures.append(f"agreement {agreement:.1f} % is below {tolerances.agreement_percent:g} %")
    if len(images) < FEWEST_IMAGES:
        failures.append(f"only {len(images)} images; parity needs {FEWEST_IMAGES} that calibration has not seen")
    return ParityReport(
        status="fail" if failures else "pass",
        reason="; ".join(failures),
        subject=subject.name,
        reference=reference_name,
        runtime=subject.session.runtime,
        tolerances=tolerances,
        images=len(images),
        max_abs_error=error,
        sqnr_db=sqnr if np.isfinite(sqnr) else None,
        cosine=metrics.cosine(reference, found),
        agreement=agreement,
        images_sha256=images.sha256,
    )
