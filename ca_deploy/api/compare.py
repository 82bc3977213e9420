"""``ca_deploy.compare``: numerical parity of two models."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.progress import Progress, silent
from ca_deploy.records.model import ModelSource
from ca_deploy.records.recipe import Tolerances

if TYPE_CHECKING:
    from torch import nn

    from ca_deploy.evaluation.predictor import Predictor
    from ca_deploy.records.parity import ParityReport
    from ca_deploy.records.samples import Samples


def compare(
    model: str | Path,
    against: "str | Path | ModelSource | nn.Module | None" = None,
    *,
    runtime: str | Sequence[str] | None = None,
    threads: int = 1,
    source: ModelSource | None = None,
    calibration: str | None = None,
    images: str | Path | None = None,
    tolerances: Tolerances | None = None,
    load_inputs: Path | None = None,
    save_inputs: Path | None = None,
    progress: Progress = silent,
) -> "ParityReport":
    """Numerical parity of any two models on the same held-out images, by default the very ones of the export.

    Args:
        model: an exported file (or a PyTorch model).
        against: the reference; by default the registered model that the file's manifest names. Only the caller decides
            which code runs, so a factory or a program must be named here, and an ``nn.Module`` object passed; weights
            and sizes then come from the manifest, unless given.
        runtime: the runtime of ``model``: ``"litert"``, ``"litert:reference"``, ``"tensorflow"``, ``"onnxruntime"``,
            ``"mil"``, … Of several, the worst decides, and the report lists each.
        threads: threads of the runtime.
        source: weights and preprocessing where the file has no manifest.
        calibration: a set whose held-out images are used, instead of those that the export held out. A file without a
            manifest is compared on the set ``"scikit_image"``.
        images: where the folder or file of the images that the export held out is now.
        tolerances: by default those of the recipe in the manifest, otherwise the floors of integer recipes.
        load_inputs: an ``.npz`` of samples, that ``save_inputs`` or ``numpy.savez`` wrote, instead of a set.
        save_inputs: the ``.npz`` to save the samples to.
        progress: called with (images done, total images).

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`.
    """
    from ca_deploy.api import preflight

    runtimes: Sequence[str | None] = [runtime] if isinstance(runtime, str) else runtime or [None]
    for name in runtimes:
        preflight.check_runtime(name)
    preflight.check_model(model, source)
    if isinstance(against, str | Path | ModelSource):
        preflight.check_model(against, source)
    preflight.check_calibration(calibration)
    preflight.check_samples(load_inputs)
    if save_inputs is not None:
        preflight.check_output(save_inputs.parent)
    from ca_deploy.data import arrays
    from ca_deploy.evaluation.affordable import affordable
    from ca_deploy.evaluation.parity import measure
    from ca_deploy.evaluation.predictor import open_predictor
    from ca_deploy.evaluation.reference import HeldOut, reference_for, samples_for, tolerances_for
    from ca_deploy.evaluation.worst import in_runtimes
    from ca_deploy.runtimes import differing_default

    subject = open_predictor(model, runtimes[0], threads, source)
    beside = Path(model).parent
    reference = reference_for(subject, against, source, threads, beside)
    if load_inputs is not None:
        held_out = HeldOut(arrays.load(load_inputs, subject.signature), f"samples in {load_inputs.name}")
    else:
        held_out = samples_for(subject, beside, calibration, Path(images) if images is not None else None)
    samples = affordable(held_out.samples, subject.signature)
    if save_inputs is not None:
        arrays.save(save_inputs, samples)
    answers = reference.run(_under_names_of(reference, samples))
    allowed = tolerances or tolerances_for(subject)

    def in_runtime(name: str | None) -> "ParityReport":
        opened = subject if name == runtimes[0] else open_predictor(model, name, threads, source)
        default = differing_default(opened.session, Path(model), name, threads)
        return measure(opened, reference.name, answers, samples, allowed, progress, default)

    found = in_runtimes([in_runtime(name) for name in runtimes])
    return dataclasses.replace(found, image_set=held_out.image_set)


def _under_names_of(reference: "Predictor", samples: "Samples") -> "Samples":
    """The samples of an only input under the reference's name for it; two files may call it otherwise."""
    names = [taken.name for taken in reference.signature.inputs]
    if len(names) == len(samples.arrays) == 1:
        return dataclasses.replace(samples, arrays=dict(zip(names, samples.arrays.values(), strict=True)))
    return samples
