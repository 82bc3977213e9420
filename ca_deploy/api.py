"""The public functions, one per verb: export, compare, evaluate, check and profile."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.errors import UsageError
from ca_deploy.progress import NamedStep, Progress, Step, no_named_step, no_step, silent
from ca_deploy.recipes import choose_recipes, mode_of
from ca_deploy.records.model import DEFAULT_MODEL, ModelSource
from ca_deploy.records.recipe import Tolerances

if TYPE_CHECKING:
    from torch import nn

    from ca_deploy.pipeline.export import Export
    from ca_deploy.records.accuracy import AccuracyReport
    from ca_deploy.records.compat import CompatReport
    from ca_deploy.records.latency import LatencyReport
    from ca_deploy.records.parity import ParityReport


def export(
    model: "str | ModelSource | nn.Module" = DEFAULT_MODEL,
    *,
    source: ModelSource | None = None,
    formats: Sequence[str] = (),
    int8: bool = False,
    fp16: bool = False,
    recipes: Sequence[str] = (),
    calibration: str | None = None,
    calibration_count: int | None = None,
    output: str | Path = ".",
    dynamic_batch: bool = False,
    check: Sequence[str] = (),
    zipped: bool = False,
    step: NamedStep = no_named_step,
) -> "list[Export]":
    """Export a trained network, verify every file against PyTorch, and write a manifest beside it.

    Args:
        model: a registered name, ``package.module:factory``, a ``.pt2`` file, a :class:`ModelSource` that also names
            weights, sizes and preprocessing, or a trained ``nn.Module`` object (which is copied).
        source: for an ``nn.Module``: its input size, preprocessing and labels, which the object does not contain.
        formats: names of ``ca-deploy list formats``, such as ``"tflite"``.
        int8: the format's static INT8 recipe, with float32 input and output.
        fp16: the format's float16 recipe; without either, float32.
        recipes: recipes by name (``"tflite_static_wi8_ai16"``) or TOML path, instead of the flags.
        calibration: name of a set, TOML path, or folder of photos; by default the model's own set.
        calibration_count: number of calibration images; by default the set's own, 200 for a folder.
        output: folder for the files; created if missing.
        dynamic_batch: make the batch dimension dynamic, which not every format can.
        check: targets (``"xnnpack"``) that check the files of their formats; findings go into the manifest.
        zipped: also pack Core ML's folder into a .zip.
        step: called with ``(recipe, progress in a few words)``.

    Returns:
        One :class:`Export` per recipe, in the order requested. A file that misses its tolerances is kept, and
        ``Export.passed`` is False.

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`; nothing is left half-written.
    """
    from ca_deploy.pipeline import export as pipeline
    from ca_deploy.pipeline.request import requested

    named, module = _model(model, source)
    request = requested(
        named,
        choose_recipes(_listed(formats), int8, fp16, _listed(recipes)),
        Path(output),
        calibration=calibration,
        calibration_count=calibration_count,
        dynamic_batch=dynamic_batch,
        targets=_listed(check),
        zipped=zipped,
        module=module,
    )
    return pipeline.export(request, step)


def compare(
    model: str | Path,
    against: "str | Path | ModelSource | nn.Module | None" = None,
    *,
    runtime: str | None = None,
    threads: int = 1,
    source: ModelSource | None = None,
    calibration: str | None = None,
    tolerances: Tolerances | None = None,
    load_inputs: Path | None = None,
    save_inputs: Path | None = None,
    progress: Progress = silent,
) -> "ParityReport":
    """Numerical parity of any two models on the same held-out images.

    Args:
        model: an exported file (or a PyTorch model).
        against: the reference; by default the registered model that the file's manifest names. Only the caller decides
            which code runs, so a factory or a program must be named here, and an ``nn.Module`` object passed; weights
            and sizes then come from the manifest, unless given.
        runtime: the runtime of ``model``: ``"litert"``, ``"litert:reference"``, ``"tensorflow"``, ``"onnxruntime"``,
            ``"mil"``, …
        threads: threads of the runtime.
        source: weights and preprocessing where the file has no manifest.
        calibration: the set whose held-out images are used; by default the model's own.
        tolerances: by default those of the recipe in the manifest, otherwise the floors of integer recipes.
        load_inputs: an ``.npz`` of images that ``save_inputs`` wrote, instead of a set.
        save_inputs: the ``.npz`` to save the images to.
        progress: called with (images done, total images).

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`.
    """
    from ca_deploy.data import saved_inputs
    from ca_deploy.evaluation.parity import measure, outputs_of
    from ca_deploy.evaluation.predictor import open_predictor
    from ca_deploy.evaluation.reference import images_for, reference_for, tolerances_for
    from ca_deploy.runtimes import differing_default

    subject = open_predictor(model, runtime, threads, source)
    reference = reference_for(subject, against, source, threads)
    images = saved_inputs.load(load_inputs) if load_inputs else images_for(subject, calibration)
    if save_inputs is not None:
        saved_inputs.save(save_inputs, images)
    answers = outputs_of(reference, images.pixels)
    default = differing_default(subject.session, Path(model), runtime, threads)
    return measure(subject, reference.name, answers, images, tolerances or tolerances_for(subject), progress, default)


def evaluate(
    model: str | Path,
    data: str | Path,
    *,
    against: str | Path | None = None,
    runtime: str | None = None,
    threads: int = 1,
    source: ModelSource | None = None,
    progress: Progress = silent,
) -> "AccuracyReport":
    """Accuracy of an exported file or a PyTorch model on labelled photos, by the metrics of its task.

    Args:
        model: an exported file, a registered name, ``package.module:factory``, or a ``.pt2`` file.
        data: an ImageFolder tree, ``data/<class>/<photo>``.
        against: a second model for the paired difference (McNemar's test, agreement, SQNR).
        runtime, threads, source: as in :func:`compare`.
        progress: called with (photos done, total photos).

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`.
    """
    from ca_deploy.evaluation.accuracy import evaluate_predictor, labelled_photos
    from ca_deploy.evaluation.predictor import open_predictor

    predictor = open_predictor(model, runtime, threads, source)
    other = open_predictor(against, None, threads, source) if against is not None else None
    labels = predictor.labels or (other.labels if other else None)
    return evaluate_predictor(predictor, labelled_photos(Path(data), labels), other, progress)


def check(
    file: str | Path | None = None,
    targets: Sequence[str] = (),
    *,
    before: "str | ModelSource | None" = None,
    int8: bool = False,
    fp16: bool = False,
    step: NamedStep = no_named_step,
) -> "list[CompatReport]":
    """Which operators of a model file run on the targets, why the others do not, and what to write instead.

    Args:
        file: a ``.tflite``, ``.onnx``, ``.mlpackage`` or ``.pt2`` file from any tool.
        targets: names of ``ca-deploy list targets``, with a level as in ``"nnapi:29"``; by default all that check such
            a file.
        before: instead of a file, a model as for :func:`export`, trained or not, to check before its export.
        int8, fp16: with ``before``: check it as INT8, or as float16.
        step: called with ``(target or recipe, progress in a few words)``.

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`.
    """
    from ca_deploy.compat.check import check as check_file
    from ca_deploy.pipeline.before_export import check_before_export

    if (file is None) == (before is None):
        raise UsageError("Name either a FILE to check, or a model with --before MODEL.")
    if file is not None and (int8 or fp16):
        raise UsageError("--int8 and --fp16 apply to a model that is not exported yet: name it with --before MODEL.")
    if int8 and fp16:
        raise UsageError("--int8 and --fp16 contradict each other: use one of them.")
    targets = _listed(targets)
    if file is not None:
        return check_file(Path(file), targets, step)
    if not isinstance(before, str | ModelSource):
        raise UsageError(
            "A model to check is a name or a ModelSource. Save an nn.Module by torch.export.save, and name it."
        )
    source = ModelSource(before) if isinstance(before, str) else before
    return check_before_export(source, targets, mode_of(int8, fp16), step)


def profile(
    files: Sequence[str | Path],
    device: str = "local",
    *,
    runtime: str | None = None,
    threads: int | Sequence[int] | str = 1,
    affinity: str | None = None,
    protocol: str | None = None,
    runs: int | None = None,
    min_seconds: float | None = None,
    starts: int | None = None,
    seed: int = 0,
    runner: str = "auto",
    benchmark_binary: Path | None = None,
    bundle: Path | None = None,
    operators: bool = False,
    verify: bool = False,
    output: Path | None = None,
    keep: bool = False,
    step: Step = no_step,
) -> "LatencyReport":
    """The latency of files on a device; several files are interleaved, so that they can be compared.

    Args:
        files: exported files, at least one.
        device: ``"local"``, ``"ssh://[user@]host[:port]"``, ``"adb[:SERIAL]"``, ``"emulated:cortex-a76"``.
        runtime: by default the one for the file's format.
        threads: a thread count, or several to measure each: ``(1, 2, 4)`` or ``"1,2,4"``.
        affinity: cores to run on: ``"big"``, ``"little"`` or a mask such as ``"0xf0"``.
        protocol: ``"quick"``, ``"standard"`` (the default) or ``"publication"``.
        runs, min_seconds, starts: instead of a protocol: runs and seconds per process start, and process starts.
        seed: seeds the order in which files take turns.
        runner: ``"c"``, ``"python"`` or ``"auto"``.
        benchmark_binary: use this ``benchmark_model`` or ``onnxruntime_perf_test`` instead of a runner.
        bundle: take the runtime's libraries from this file.
        operators: also measure the time per operator and module.
        verify: also compare the device's outputs with this machine's.
        output: folder for report, plot and raw outputs.
        keep: leave the files on the device.
        step: called with the progress in a few words.

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`. A failure after the first measurement is in
            ``LatencyReport.failures`` instead.
    """
    from ca_deploy.latency import session

    if isinstance(files, str | Path):
        files = (files,)
    if not files:
        raise UsageError("Nothing to measure: name files that `ca-deploy export` wrote, or reports with --compare.")
    wishes = session.wishes(
        runtime=runtime,
        threads=threads if isinstance(threads, str) else ",".join(map(str, _several(threads))),
        affinity=affinity,
        protocol=protocol,
        runs=runs,
        min_seconds=min_seconds,
        starts=starts,
        seed=seed,
        runner=runner,
        benchmark_binary=benchmark_binary,
        bundle=bundle,
        operators=operators,
        verify=verify,
        output=output,
        command_line=tuple(sys.argv),
    )
    return session.profile_on(device, [Path(file) for file in files], wishes, keep, step)


def _listed(names: Sequence[str]) -> Sequence[str]:
    """A single name is a list of one, not of its letters."""
    return (names,) if isinstance(names, str) else names


def _several(numbers: int | Sequence[int]) -> Sequence[int]:
    return (numbers,) if isinstance(numbers, int) else numbers


def _model(
    model: "str | ModelSource | nn.Module", source: ModelSource | None
) -> "tuple[ModelSource, nn.Module | None]":
    """A source that names the model, or an object with a source that describes it."""
    if isinstance(model, str | ModelSource):
        if source is not None:
            raise UsageError("source is for an nn.Module object; pass a named model's ModelSource as the model.")
        return ModelSource(model) if isinstance(model, str) else model, None
    from torch import nn

    if not isinstance(model, nn.Module):
        raise UsageError(f"A model is a name, a ModelSource or an nn.Module, not a {type(model).__name__}.")
    return source or ModelSource(), model
