"""Is an integer file wrong apart from the noise of its integers? They leave many a good channel 10 to 20 dB, and hide
as much of a damage.

Without that noise good files have 23 dB and more in each channel, or what rounding of their weights leaves them
(benchmarks/README.md, "Floors of parity"); a kernel that was mirrored stays what it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ca_deploy.delivery.scratch import temporary
from ca_deploy.errors import ArtifactError, RuntimeUnavailable
from ca_deploy.evaluation.output_parity import channels_of, named_channels
from ca_deploy.evaluation.parity import in_order
from ca_deploy.evaluation.predictor import Outputs, Predictor
from ca_deploy.formats import format_of
from ca_deploy.plugins import load
from ca_deploy.progress import Progress, silent
from ca_deploy.records.counterpart import Counterpart, Opener
from ca_deploy.records.parity import ParityReport, Status, UnroundedParity
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkOutput

# Good files of the zoo are 1.5 dB above the first (a vision transformer; others 5 dB), or nearer to what is foretold.
LEAST_DB = 18.0
BEYOND_EXPECTED_DB = 8.0
_DRAWS, _SAMPLES = 2, 32
_FLOAT = ("float32", "float16")
_COSTS_DB = 3.0


def is_exact(reference: Predictor) -> bool:
    """Whether a reference has no noise of integers of its own: PyTorch, or a float file of ours."""
    recipe = reference.manifest.recipe if reference.manifest else None
    return reference.session.runtime.startswith("PyTorch") or (recipe is not None and recipe.mode in _FLOAT)


def judge_unrounded(
    report: ParityReport,
    subject: Predictor,
    path: Path,
    reference: Outputs,
    samples: Samples,
    progress: Progress = silent,
) -> ParityReport:
    """The report of a file, with what it computes without rounding compared with ``reference``, each ``(N, …)``, too.

    A channel misses if it has less than 18 dB about its mean, and rounding of the weights does not explain that: it is
    8 dB below what weights moved at random by half a step leave of it. That has to be so with ranges that cut off
    nothing, and with the file's own, which may stand in for a clamp that the quantiser dropped before them. Where the
    file itself misses a tolerance, and not so, the reason says whether ranges or rounding cost it. Files whose
    tolerances have none for channels, formats without a counterpart, and answers in an order of their own keep their
    report.
    """
    format = format_of(path)
    opener = format.unrounded if format is not None else ""
    if report.tolerances.channel_sqnr_db is None or not opener or subject.task.aligned is not None:
        return report
    try:
        with temporary() as folder:
            file = _File(subject, path, folder, load(opener))
            found = file.run(samples, Counterpart(), progress)
            if found is None:
                return report
            reference = in_order(subject, report.reference, reference, found)
            few = samples.first(_SAMPLES)
            moved = [file.run(few, Counterpart(random=np.random.default_rng(seed))) or {} for seed in range(_DRAWS)]
            judged = _judge(report, subject, reference, [found], moved)
            if judged.status != Status.FAIL:
                return judged
            cut_off = file.run(samples, Counterpart(wide=False)) or found
    except (ArtifactError, RuntimeUnavailable) as error:
        return replace(report, not_unrounded=f"{path.name} does not run without rounding: {error}")
    judged = _judge(report, subject, reference, [found, cut_off], moved)
    if judged.status == Status.FAIL and judged.reason == report.reason:
        return replace(judged, reason=_with_cause(report, subject, reference, found, cut_off))
    return judged


def _judge(
    report: ParityReport, subject: Predictor, reference: Outputs, found: Sequence[Outputs], moved: Sequence[Outputs]
) -> ParityReport:
    """The report with the figures of each output, where each channel counts by the better of what was ``found``."""
    outputs, reasons = [], [report.reason] if report.status == Status.FAIL else []
    compared = subject.task.compared
    for given, one in zip(subject.signature.outputs, report.outputs, strict=True):
        if given.dtype.startswith("float"):
            name = given.name
            figures, missed = _judged(
                given,
                subject,
                compared(reference[name]),
                [compared(answers[name]) for answers in found],
                [compared(answers[name]) for answers in moved],
            )
            one = replace(one, unrounded=figures, missed=(*one.missed, *missed))
            reasons += [f"{name}: {why}" if len(report.outputs) > 1 else why for why in missed]
        outputs.append(one)
    status = Status.FAIL if reasons else report.status
    return replace(report, status=status, reason="; ".join(reasons) or report.reason, outputs=tuple(outputs))


@dataclass(frozen=True, slots=True)
class _File:
    subject: Predictor
    path: Path
    folder: Path
    opener: Opener

    def run(self, samples: Samples, wanted: Counterpart, progress: Progress = silent) -> Outputs | None:
        session = self.opener(self.path, self.folder, wanted)
        if session is None:
            return None
        in_float = {name: spec.in_float for name, spec in self.subject.outputs.items()}
        return replace(self.subject, session=session, outputs=in_float).run(samples, progress)


def _judged(
    given: NetworkOutput,
    subject: Predictor,
    reference: NDArray[np.float32],
    found: Sequence[NDArray[np.float32]],
    moved: Sequence[NDArray[np.float32]],
) -> tuple[UnroundedParity, list[str]]:
    """The channel that is furthest below what it needs, and a sentence if it misses it."""

    def channels_db(expected: NDArray[np.float32], answers: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.array([one.sqnr_db for one in channels_of(given, subject.task, expected, answers).channels])

    sqnr_db = np.fmax.reduce([channels_db(reference, answers) for answers in found])
    noise = [channels_db(found[0][: len(answers)], answers) for answers in moved]
    with np.errstate(divide="ignore"):
        expected_db = -10 * np.log10(np.mean(10 ** (-np.array(noise) / 10), axis=0))
    least_db = np.fmin(LEAST_DB, expected_db - BEYOND_EXPECTED_DB)
    missing = ~(sqnr_db >= least_db)
    worst = int(np.argmin(np.nan_to_num(sqnr_db - least_db, nan=-np.inf, posinf=np.inf)))
    figures = UnroundedParity(worst, _finite(sqnr_db[worst]), _finite(expected_db[worst]), float(least_db[worst]))
    if not missing.any():
        return figures, []
    labels = subject.labels if subject.task.one_class else None
    which = named_channels(np.flatnonzero(missing).tolist(), len(sqnr_db), labels)
    return figures, [
        f"{which}SQNR {sqnr_db[worst]:.1f} dB about its mean without rounding of activations is below "
        f"{least_db[worst]:.1f} dB, and rounding of weights leaves {expected_db[worst]:.0f} dB: the file computes "
        "something else"
    ]


def _with_cause(report: ParityReport, subject: Predictor, reference: Outputs, found: Outputs, cut_off: Outputs) -> str:
    """The report's reason, and what costs the worst channel of the first output that misses a tolerance.

    ``cut_off`` are the answers without rounding, but with the file's own ranges.
    """
    for given, one in zip(subject.signature.outputs, report.outputs, strict=True):
        own_db = one.channels.noisiest.sqnr_db if one.channels else None
        if not one.missed or own_db is None:
            continue
        wide_db, cut_off_db = (_lowest_db(given, subject, reference, answers) for answers in (found, cut_off))
        if wide_db < own_db + _COSTS_DB:
            break
        if cut_off_db < (own_db + wide_db) / 2:
            return (
                f"{report.reason}; its ranges cut off values: not rounded, it has {wide_db:.0f} dB without them and "
                f"{cut_off_db:.0f} dB with them (calibrate on more images like those of use, or with "
                'calibration = "min_max" in a recipe)'
            )
        return (
            f"{report.reason}; rounding of activations costs it: not rounded, it has {cut_off_db:.0f} dB (keep layers "
            "float by a [[layer]] in a recipe, or take one with float or, in TFLite, 16-bit activations)"
        )
    return report.reason


def _lowest_db(given: NetworkOutput, subject: Predictor, reference: Outputs, answers: Outputs) -> float:
    both = (subject.task.compared(values[given.name]) for values in (reference, answers))
    return min(channel.sqnr_db for channel in channels_of(given, subject.task, *both).channels)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
