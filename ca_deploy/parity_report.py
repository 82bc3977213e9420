"""What a comparison of two models found."""

from dataclasses import dataclass
from typing import Literal

from ca_deploy.recipe import Tolerances

Status = Literal["pass", "fail", "skipped"]


@dataclass(frozen=True, slots=True)
class ParityReport:
    """Outputs of ``subject`` against ``reference`` on ``images`` held-out images.

    ``agreement`` is in percent, ``sqnr_db`` in dB (None where nothing differs), ``max_abs_error`` in units
    of the output. ``status`` is "skipped" where the comparison could not be run, never "pass";
    ``reason`` says why, or which tolerances failed.
    """

    status: Status
    reason: str
    subject: str
    reference: str
    runtime: str
    tolerances: Tolerances
    images: int = 0
    max_abs_error: float | None = None
    sqnr_db: float | None = None
    cosine: float | None = None
    agreement: float | None = None
    images_sha256: tuple[str, ...] = ()
