"""Is an integer file wrong apart from the noise of its integers? They leave many a good channel 10 to 20 dB, and hide
as much of a damage.

Without that noise good files have 23 dB and more in each channel, or what rounding of their weights leaves them
(benchmarks/README.md, "Floors of parity"); a kernel that was mirrored stays what it is.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ca_deploy.errors import ArtifactError, RuntimeUnavailable
from ca_deploy.evaluation.output_parity import channels_of, named_channels
from ca_deploy.evaluation.parity import in_order
from ca_deploy.evaluation.predictor import Outputs, Predictor
from ca_deploy.formats import find_format, format_names
from ca_deploy.plugins import load
from ca_deploy.progress import Progress, silent
from ca_deploy.records.counterpart import Counterpart, Opener
from ca_deploy.records.parity import ParityReport, Status, UnroundedParity
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkOutput

# Good files of the zoo are 3 dB above the first, or nearer by 1.5 dB and more to what rounding of weights leaves.
LEAST_DB = 20.0
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

    A channel misses if it has less than 20 dB about its mean, and rounding of the weights does not explain that: it is
    8 dB below what weights moved at random by half a step leave of it. Where the file itself misses a tolerance, and
    not so, the reason says whether ranges or rounding cost it. Files whose tolerances have none for channels, and
    formats without a counterpart, keep their report.
    """
    opener = next((one.unrounded for one in map(find_format, format_names()) if one.suffix == path.suffix), "")
    if report.tolerances.channel_sqnr_db is None or not opener:
        return report
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = _File(subject, path, Path(folder), load(opener))
            found = file.run(samples, Counterpart(), progress)
            if found is None:
                return report
            few = samples.first(_SAMPLES)
            moved = [file.run(few, Counterpart(random=np.random.default_rng(seed))) or {} for seed in range(_DRAWS)]
            cut_off = file.run(few, Counterpart(wide=False)) if report.status == Status.FAIL else None
    except (ArtifactError, RuntimeUnavailable) as error:
        return replace(report, not_unrounded=f"{path.name} does not run without rounding: {error}")
    reference = in_order(subject, report.reference, reference, found)
    outputs, reasons = [], []
    for given, one in zip(subject.signature.outputs, report.outputs, strict=True):
        if given.dtype.startswith("float"):
            compared = subject.task.compared
            figures, missed = _judged(
                given,
                subject,
                compared(reference[given.name]),
                compared(found[given.name]),
                [compared(outputs_of[given.name]) for outputs_of in moved],
            )
            one = replace(one, unrounded=figures, missed=(*one.missed, *missed))
            reasons += [f"{given.name}: {why}" if len(report.outputs) > 1 else why for why in missed]
        outputs.append(one)
    if cut_off is not None:
        if not reasons and (cause := _cause(report, subject, reference, found, cut_off)):
            reasons.append(cause)
        reasons.insert(0, report.reason)
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
    found: NDArray[np.float32],
    moved: list[NDArray[np.float32]],
) -> tuple[UnroundedParity, list[str]]:
    """The channel that is furthest below what it needs, and a sentence if it misses it."""
    channels = channels_of(given, subject.task, reference, found)
    sqnr_db = np.array([one.sqnr_db for one in channels.channels])
    few = found[: len(moved[0])]
    noise = [[one.sqnr_db for one in channels_of(given, subject.task, few, other).channels] for other in moved]
    with np.errstate(divide="ignore"):
        expected_db = -10 * np.log10(np.mean(10 ** (-np.array(noise) / 10), axis=0))
    least_db = np.minimum(LEAST_DB, expected_db - BEYOND_EXPECTED_DB)
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


def _cause(report: ParityReport, subject: Predictor, reference: Outputs, found: Outputs, cut_off: Outputs) -> str:
    """What costs the worst channel of the first output that misses a tolerance: its ranges, or rounding; "" if unknown.

    ``cut_off`` are the answers without rounding, but with the file's own ranges, to the first of the samples.
    """
    for given, one in zip(subject.signature.outputs, report.outputs, strict=True):
        own_db = one.channels.noisiest.sqnr_db if one.channels else None
        if not one.missed or own_db is None:
            continue
        wide_db, cut_off_db = (_lowest_db(given, subject, reference, answers, cut_off) for answers in (found, cut_off))
        if wide_db < own_db + _COSTS_DB:
            return ""
        if cut_off_db < (own_db + wide_db) / 2:
            return (
                f"its ranges cut off values: not rounded, it has {wide_db:.0f} dB without them and {cut_off_db:.0f} dB "
                'with them (calibrate on more images like those of use, or with calibration = "min_max" in a recipe)'
            )
        return (
            f"rounding of activations costs it: not rounded, it has {cut_off_db:.0f} dB (keep layers float by a "
            "[[layer]] in a recipe, or take one with float or, in TFLite, 16-bit activations)"
        )
    return ""


def _lowest_db(given: NetworkOutput, subject: Predictor, reference: Outputs, answers: Outputs, among: Outputs) -> float:
    """Of the channels of an output, for as many samples as ``among`` has."""
    count = len(among[given.name])
    both = (subject.task.compared(values[given.name][:count]) for values in (reference, answers))
    return min(channel.sqnr_db for channel in channels_of(given, subject.task, *both).channels)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
