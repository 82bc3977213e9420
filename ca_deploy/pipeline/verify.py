"""Verify an exported file: open it in its runtime, compare it with PyTorch, and time it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ca_deploy.errors import RuntimeUnavailable
from ca_deploy.evaluation.affordable import affordable
from ca_deploy.evaluation.parity import FEWEST_IMAGES, measure
from ca_deploy.evaluation.predictor import Outputs, file_predictor, network_predictor
from ca_deploy.evaluation.resized import at_another_size
from ca_deploy.evaluation.unfinished import judge_unfinished
from ca_deploy.evaluation.unrounded import judge_unrounded
from ca_deploy.evaluation.worst import with_sizes
from ca_deploy.latency import against_float32
from ca_deploy.networks.dynamic_size import at_size
from ca_deploy.networks.source import Network
from ca_deploy.progress import Progress, silent
from ca_deploy.records.conversion import Conversion, Converted
from ca_deploy.records.image_sizes import Size2d
from ca_deploy.records.manifest import SpeedRecord
from ca_deploy.records.parity import ParityReport, Status
from ca_deploy.records.samples import Samples
from ca_deploy.runtimes import differing_default, open_session, runtimes_for


@dataclass(frozen=True, slots=True)
class Reference:
    """PyTorch's outputs for the held-out samples, each ``(N, …)``; ``notes`` are for the manifest. ``unfinished`` has
    those of the network before the head that formats add, if there is one."""

    network: Network
    name: str
    samples: Samples
    answers: Outputs
    notes: tuple[str, ...] = ()
    unfinished: "Reference | None" = None
    _others: "dict[Size2d, Reference]" = field(default_factory=dict)

    def at(self, size: Size2d) -> "Reference":
        """The outputs for some of the samples, with images of another size."""
        if size not in self._others:
            network = at_size(self.network, size)
            samples = at_another_size(self.samples.first(FEWEST_IMAGES), self.network.signature, size)
            self._others[size] = reference_answers(network, samples)
        return self._others[size]


@dataclass(frozen=True, slots=True)
class Verified:
    """The results; ``settings`` are the session options with which the runtime computes the same on every processor."""

    parity: ParityReport
    speed: SpeedRecord | None = None
    settings: Mapping[str, str] | None = None
    warnings: tuple[str, ...] = ()


def reference_answers(network: Network, samples: Samples, progress: Progress = silent) -> Reference:
    """Run the network itself on the samples."""
    predictor = network_predictor(network)
    few = affordable(samples, network.signature)
    note = f"Compared on {len(few)} of the {len(samples)} held-out samples: outputs of more do not fit into memory."
    notes = (note,) if len(few) < len(samples) else ()
    before = reference_answers(network.unfinished, few) if network.unfinished else None
    return Reference(network, predictor.name, few, predictor.run(few, progress) if len(few) else {}, notes, before)


def verify(
    conversion: Conversion,
    converted: Converted,
    reference: Reference,
    sizes: Sequence[Size2d] = (),
    progress: Progress = silent,
) -> Verified:
    """Compare the file with the reference, and time it against the float32 file of the same format.

    ``sizes`` are those at which it is also compared, of a file that takes images of several sizes; the worst counts.
    Where no installed runtime can run it, or no sample is held out, parity is "skipped", with the reason.
    """
    path, tolerances = conversion.path, conversion.recipe.tolerances
    if not len(reference.samples):
        why = f"no image is held out; parity needs {FEWEST_IMAGES}"
        return Verified(ParityReport(Status.SKIPPED, why, path.name, reference.name, "", tolerances))
    try:
        runtimes = runtimes_for(path)
        if not runtimes:
            raise RuntimeUnavailable(f"No runtime opens {path.suffix} files.")
        parity, settings, warnings = _parity(path, None, conversion, converted, reference, progress)
        if sizes:
            resized = {size: _parity(path, None, conversion, converted, reference.at(size))[0] for size in sizes}
            parity = with_sizes(parity, resized)
        first, *others = runtimes
        for other in others:
            if other.reference:  # on a Mac, where Core ML itself comes first
                second, *_ = _parity(path, other.name, conversion, converted, reference)
                warnings.append(f"The {second.runtime} on the same samples: {second.status}, SQNR {second.sqnr_db} dB.")
        timed = converted.float32_path if not first.reference else None
        speed = against_float32(path, timed, _shapes(converted, reference.network)) if timed else None
    except RuntimeUnavailable as error:
        return Verified(ParityReport(Status.SKIPPED, str(error), path.name, reference.name, "", tolerances))
    return Verified(parity, speed, settings, (*reference.notes, *warnings))


def _parity(
    path: Path,
    runtime: str | None,
    conversion: Conversion,
    converted: Converted,
    reference: Reference,
    progress: Progress = silent,
) -> tuple[ParityReport, Mapping[str, str], list[str]]:
    session = open_session(path, runtime, known=True)
    network = reference.network
    subject = file_predictor(
        path.name, session, converted.inputs, converted.outputs, network.signature, network.task, network.labels
    )
    default = differing_default(session, path, runtime) if runtime is None else None
    found = measure(
        subject,
        reference.name,
        reference.answers,
        reference.samples,
        conversion.recipe.tolerances,
        progress,
        default=default,
    )
    if reference.unfinished is not None:
        answers = reference.unfinished.answers
        found = judge_unfinished(
            found, subject, path, runtime, answers, reference.samples, exact=runtime is None, progress=progress
        )
    elif runtime is None:
        found = judge_unrounded(found, subject, path, reference.answers, reference.samples, progress)
    note = found.default_settings.note if found.default_settings else ""
    return found, session.settings, [note] if note else []


def _shapes(converted: Converted, network: Network) -> dict[str, tuple[int, ...]]:
    """The shape of each of the file's inputs for one sample (or its batch) of the network's own size."""
    pairs = zip(converted.inputs, network.signature.inputs, strict=True)
    return {spec.name: taken.shape_in(spec) for spec, taken in pairs}
