"""Verify an exported file: open it in its runtime, compare it with PyTorch, and time it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.data.images import ImageBatch
from ca_deploy.errors import RuntimeUnavailable
from ca_deploy.evaluation.parity import measure, outputs_of
from ca_deploy.evaluation.predictor import file_predictor, network_predictor
from ca_deploy.latency import against_float32
from ca_deploy.networks.source import Network
from ca_deploy.records.conversion import Conversion, Converted
from ca_deploy.records.manifest import SpeedRecord
from ca_deploy.records.parity import ParityReport, Status
from ca_deploy.runtimes import differing_default, open_session, runtimes_for

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Reference:
    """PyTorch's outputs for the held-out images: ``answers (N, …)``."""

    network: Network
    name: str
    task: str
    images: ImageBatch
    answers: "NDArray[np.float32]"


@dataclass(frozen=True, slots=True)
class Verified:
    """The results; ``settings`` are the session options with which the runtime computes the same on every processor."""

    parity: ParityReport
    speed: SpeedRecord | None = None
    settings: Mapping[str, str] | None = None
    warnings: tuple[str, ...] = ()


def reference_answers(network: Network, images: ImageBatch) -> Reference:
    """Run the network itself on the images."""
    predictor = network_predictor(network)
    return Reference(network, predictor.name, predictor.task.name, images, outputs_of(predictor, images.pixels))


def verify(conversion: Conversion, converted: Converted, reference: Reference) -> Verified:
    """Compare the file with the reference, and time it against the float32 file of the same format.

    Where no installed runtime can run it, parity is "skipped", with the reason.
    """
    path, tolerances = conversion.path, conversion.recipe.tolerances
    try:
        runtimes = runtimes_for(path)
        if not runtimes:
            raise RuntimeUnavailable(f"No runtime opens {path.suffix} files.")
        parity, settings, warnings = _parity(path, None, conversion, converted, reference)
        first, *others = runtimes
        for other in others:
            if other.reference:  # on a Mac, where Core ML itself comes first
                second, *_ = _parity(path, other.name, conversion, converted, reference)
                warnings.append(f"The {second.runtime} on the same images: {second.status}, SQNR {second.sqnr_db} dB.")
        timed = converted.float32_path if not first.reference else None
        speed = against_float32(path, timed) if timed else None
    except RuntimeUnavailable as error:
        return Verified(ParityReport(Status.SKIPPED, str(error), path.name, reference.name, "", tolerances))
    if speed is not None and speed.median_ms > speed.float32_median_ms:
        times = speed.median_ms / speed.float32_median_ms
        warnings.append(f"{times:.1f} times slower than float32 on this machine (1 thread).")
    return Verified(parity, speed, settings, tuple(warnings))


def _parity(
    path: Path, runtime: str | None, conversion: Conversion, converted: Converted, reference: Reference
) -> tuple[ParityReport, Mapping[str, str], list[str]]:
    session = open_session(path, runtime)
    network = reference.network
    subject = file_predictor(
        path, session, converted.inputs, converted.outputs, network.preprocessing, network.labels, reference.task
    )
    default = differing_default(session, path, runtime) if runtime is None else None
    found = measure(
        subject,
        reference.name,
        reference.answers,
        reference.images,
        conversion.recipe.tolerances,
        default=default,
    )
    note = found.default_settings.note if found.default_settings else ""
    return found, session.settings, [note] if note else []
