"""``ca_deploy.compare``: numerical parity of two models."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.api._arguments import listed
from ca_deploy.errors import UsageError
from ca_deploy.progress import Progress, silent
from ca_deploy.records.model import ModelSource
from ca_deploy.records.recipe import Tolerances
from ca_deploy.records.tensors import FedInput

if TYPE_CHECKING:
    from torch import nn

    from ca_deploy.evaluation.predictor import Predictor
    from ca_deploy.records.parity import ParityReport
    from ca_deploy.records.samples import Samples

_NO_LAYERS = "--layers compares a file with the modules of a network. Name the network: --against MODEL."


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
    input_shape: str | Sequence[str] = (),
    save_inputs: Path | None = None,
    layers: bool = False,
    progress: Progress = silent,
) -> "ParityReport":
    """Numerical parity of any two models on the same held-out images, by default the very ones of the export.

    Two files without manifest and preprocessing are compared tensor by tensor, on noise or ``load_inputs``.

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
        input_shape: of two files without a manifest, the shape of an input that they leave open: ``"1x16"``, or
            ``"ids=1x16"`` for one of several, or ``"decode/ids=1x16"`` in one of several signatures.
        save_inputs: the ``.npz`` to save the samples to.
        layers: also compare what each module of the network gives with the file's tensor for it, on the first samples.
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
    from ca_deploy.evaluation.file_parity import compare_files
    from ca_deploy.evaluation.parity import measure
    from ca_deploy.evaluation.predictor import model_suffixes, open_predictor
    from ca_deploy.evaluation.reference import FLOORS, HeldOut, reference_for, samples_for, tolerances_for
    from ca_deploy.evaluation.unfinished import judge_unfinished
    from ca_deploy.evaluation.unrounded import is_exact, judge_unrounded
    from ca_deploy.evaluation.worst import in_runtimes
    from ca_deploy.graphs.input_shapes import given_shapes
    from ca_deploy.runtimes import differing_default

    shapes = given_shapes(listed(input_shape))
    if layers and Path(model).suffix not in model_suffixes():
        raise UsageError(f"--layers is for exported files, and {model} is a PyTorch model.")
    if _are_bare_files(model, against, source) and calibration is None and images is None:
        if layers:
            raise UsageError(_NO_LAYERS)
        return compare_files(
            Path(model),
            Path(str(against)),
            runtimes,
            tolerances or FLOORS,
            threads=threads,
            given=load_inputs,
            shapes=shapes,
            keep=save_inputs,
            progress=progress,
        )
    if shapes:
        raise UsageError("--input-shape is for two files without a manifest; other models say what they take.")
    subject = open_predictor(model, runtimes[0], threads, source)
    beside = Path(model).parent
    reference = reference_for(subject, against, source, threads, beside)
    if layers and reference.network is None:
        raise UsageError(_NO_LAYERS)
    if load_inputs is not None:
        held_out = HeldOut(arrays.load(load_inputs, subject.signature), f"samples in {load_inputs.name}")
    else:
        held_out = samples_for(subject, beside, calibration, Path(images) if images is not None else None)
    samples = affordable(held_out.samples, subject.signature)
    if save_inputs is not None:
        arrays.save(save_inputs, samples)
    fed = _under_names_of(reference, samples)
    answers = reference.run(fed)
    before = reference.unfinished.run(fed) if reference.unfinished else None
    allowed = tolerances or tolerances_for(subject)

    def in_runtime(name: str | None) -> "ParityReport":
        opened = subject if name == runtimes[0] else open_predictor(model, name, threads, source)
        default = differing_default(opened.session, Path(model), name, threads)
        found = measure(opened, reference.name, answers, samples, allowed, progress, default)
        if before is not None and opened.signature.suppression is not None:
            exact = name == runtimes[0] and is_exact(reference)
            return judge_unfinished(found, opened, Path(model), name, before, samples, exact, progress)
        if name != runtimes[0] or not is_exact(reference):
            return found
        return judge_unrounded(found, opened, Path(model), answers, samples, progress)

    found = in_runtimes([in_runtime(name) for name in runtimes])
    if layers:
        from ca_deploy.evaluation.layers import errors_by_layer  # needs PyTorch, which two files do without

        found = dataclasses.replace(found, layers=errors_by_layer(Path(model), subject, reference, fed, progress))
    inputs = tuple(
        FedInput(spec.name, spec.dtype, taken.shape_in(spec))
        for taken in subject.signature.inputs
        for spec in (subject.inputs[taken.name],)
    )
    return dataclasses.replace(found, image_set=held_out.image_set, inputs=inputs)


def _are_bare_files(model: str | Path, against: object, source: ModelSource | None) -> bool:
    """Whether two files are named, and nothing says how the first one's inputs are prepared."""
    from ca_deploy.evaluation.predictor import model_suffixes
    from ca_deploy.records.manifest import manifest_of

    files = [Path(one) for one in (model, against) if isinstance(one, str | Path)]
    stated = source is not None and (source.mean is not None or source.std is not None)
    if stated or len(files) < 2 or any(file.suffix not in model_suffixes() for file in files):
        return False
    return manifest_of(files[0]) is None


def _under_names_of(reference: "Predictor", samples: "Samples") -> "Samples":
    """The samples of an only input under the reference's name for it; two files may call it otherwise."""
    names = [taken.name for taken in reference.signature.inputs]
    if len(names) == len(samples.arrays) == 1:
        return dataclasses.replace(samples, arrays=dict(zip(names, samples.arrays.values(), strict=True)))
    return samples
