"""What a comparison of two models found."""

from collections.abc import Mapping
from enum import StrEnum

from ca_deploy.records.recipe import Tolerances
from ca_deploy.records.record import record


class Status(StrEnum):
    """The result of comparing a model's outputs with a reference."""

    PASS = "pass"  # within the tolerances
    FAIL = "fail"  # outside them
    SKIPPED = "skipped"  # the comparison could not be run; never counts as a pass


@record
class DefaultSettings:
    """What the runtime gives without the ``needed`` settings, on a machine where that makes a difference.

    Figures as in :class:`ParityReport`. ``worse``: by more than the 0.3 dB that kernels may differ by, or in agreement.
    """

    needed: Mapping[str, str]
    runtime: str
    max_abs_error: float
    sqnr_db: float | None
    agreement: float | None
    worse: bool

    @property
    def note(self) -> str:
        """One line for people who deploy on such a machine; empty where there is nothing to say."""
        if not self.worse:
            return ""
        figures = [f"SQNR {self.sqnr_db:.1f} dB"] if self.sqnr_db is not None else []
        figures += [f"agreement {self.agreement:.1f} %"] if self.agreement is not None else []
        settings = " and ".join(f"{name} = {value}" for name, value in self.needed.items())
        return (
            f"With default settings, {self.runtime.partition(',')[0]} gives other answers on this processor: "
            f"{', '.join(figures)}. x86 without VNNI adds INT8 products in 16 bits, which saturate; ARM does not. "
            f"To deploy on x86, set the session option {settings} (the .py that export writes does), or export a float "
            "recipe."
        )


@record
class ParityReport:
    """Outputs of ``subject`` against ``reference`` on ``images`` held-out images.

    ``agreement`` is in percent, ``sqnr_db`` in dB (None where nothing differs), ``max_abs_error`` in units
    of the output. ``reason`` says why the comparison was skipped, or which tolerances failed.
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
    default_settings: DefaultSettings | None = None
