"""The public verbs: export, compare and evaluate, each one call."""

import shlex
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.errors import ArtifactError, ImageDataError, UsageError
from ca_deploy.progress import Progress, silent
from ca_deploy.recipes import choose_recipes
from ca_deploy.records.model import DEFAULT_MODEL, ModelSource
from ca_deploy.records.recipe import FLOOR_AGREEMENT_PERCENT, FLOOR_SQNR_DB, Tolerances

if TYPE_CHECKING:
    from ca_deploy.data.images import ImageBatch
    from ca_deploy.evaluation.predictor import Predictor
    from ca_deploy.pipeline.converters import Step
    from ca_deploy.pipeline.export import Export
    from ca_deploy.records.accuracy import AccuracyReport
    from ca_deploy.records.parity import ParityReport


def _no_step(recipe: str, text: str) -> None:
    """Shows nothing."""


def export(
    model: str | ModelSource = DEFAULT_MODEL,
    *,
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
    step: "Step" = _no_step,
) -> "list[Export]":
    """Export a trained network, verify every file against PyTorch, and write a manifest beside it.

    Args:
        model: a registered name, ``package.module:factory``, a ``.pt2`` file, or a :class:`ModelSource` that
            also names weights, sizes and preprocessing.
        formats: ``"onnx"``, ``"tflite"``, ``"coreml"``.
        int8: the format's static INT8 recipe, with float32 input and output.
        fp16: the format's float16 recipe; without either, float32.
        recipes: recipes by name (``"tflite_static_wi8_ai16"``) or TOML path, instead of the flags.
        calibration: name of a set, TOML path, or folder of photos; by default the model's own set.
        calibration_count: how many images calibrate; by default what the set says, 200 for a folder.
        output: folder for the files; made if missing.
        dynamic_batch: let the batch dimension vary (ONNX).
        check: targets that look at the files they can read (``"xnnpack"``); findings go into the manifest.
        zipped: pack Core ML's folder into a .zip beside it.
        step: is told ``(recipe, what is being done)``.

    Returns:
        One :class:`Export` a recipe, in the order asked for. A file that misses its tolerances is kept;
        ``Export.passed`` says so.

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`; nothing is left half-written.
    """
    from ca_deploy.pipeline import export as pipeline
    from ca_deploy.pipeline.request import requested

    request = requested(
        ModelSource(model) if isinstance(model, str) else model,
        choose_recipes(formats, int8, fp16, recipes),
        Path(output),
        calibration=calibration,
        calibration_count=calibration_count,
        dynamic_batch=dynamic_batch,
        targets=check,
        zipped=zipped,
    )
    return pipeline.export(request, step)


def compare(
    model: str | Path,
    against: str | Path | ModelSource | None = None,
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
        against: the reference; by default the registered model that the file's manifest names. A factory or a
            program has to be named here, as only the caller decides which code runs; the manifest then gives the rest
            (weights, sizes), unless other options are given.
        runtime: ``"litert"``, ``"litert:reference"``, ``"tensorflow"``, ``"onnxruntime"``, ``"mil"``, … for ``model``.
        threads: threads of the runtime.
        source: weights and preprocessing where the file has no manifest.
        calibration: the set whose held-out images are used; by default the one the file was made with.
        tolerances: by default those of the recipe in the manifest, else the integer floors of
            :mod:`ca_deploy.recipes`.
        load_inputs: an ``.npz`` of images written by ``save_inputs``, instead of a set.
        save_inputs: where to keep the images that were used.
        progress: is told (images done, all images).

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`.
    """
    from ca_deploy.data import saved_inputs
    from ca_deploy.evaluation.parity import measure, outputs_of
    from ca_deploy.evaluation.predictor import open_predictor
    from ca_deploy.runtimes import differing_default

    subject = open_predictor(model, runtime, threads, source)
    reference = _reference(subject, against, source, threads)
    images = saved_inputs.load(load_inputs) if load_inputs else _parity_images(subject, calibration)
    if save_inputs is not None:
        saved_inputs.save(save_inputs, images)
    answers = outputs_of(reference, images.pixels)
    default = differing_default(subject.session, Path(model), runtime, threads)
    return measure(subject, reference.name, answers, images, tolerances or _tolerances(subject), progress, default)


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
    """Top-1 and top-5 of an exported file or a PyTorch model on labelled photos.

    Args:
        model: an exported file, a registered name, ``package.module:factory``, or a ``.pt2`` file.
        data: an ImageFolder tree, ``data/<class>/<photo>``.
        against: a second model for the paired difference (McNemar's test, agreement, SQNR).
        runtime, threads, source: as in :func:`compare`.
        progress: is told (photos done, all photos).

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`.
    """
    from ca_deploy.evaluation.accuracy import evaluate_predictor, labelled_photos
    from ca_deploy.evaluation.predictor import open_predictor

    predictor = open_predictor(model, runtime, threads, source)
    other = open_predictor(against, None, threads, source) if against is not None else None
    labels = predictor.labels or (other.labels if other else None)
    return evaluate_predictor(predictor, labelled_photos(Path(data), labels), other, progress)


def _reference(
    subject: "Predictor", against: str | Path | ModelSource | None, source: ModelSource | None, threads: int
) -> "Predictor":
    from ca_deploy.evaluation.predictor import MODEL_SUFFIXES, network_predictor, open_predictor
    from ca_deploy.networks.source import load

    if isinstance(against, str | Path):
        if source is not None or str(against).endswith(MODEL_SUFFIXES):
            return open_predictor(against, None, threads, source)
        against = ModelSource(str(against))
    record = subject.manifest.model if subject.manifest else None
    if record is None or (against is not None and against.model != record.source.model):
        if against is None:
            raise UsageError(
                f"{subject.name} has no manifest that names its model. Say what to compare with: --against MODEL."
            )
        return network_predictor(load(against))
    if against is None and not record.source.is_registered:
        named = record.source.model if record.source.model.isprintable() else repr(record.source.model)
        raise UsageError(
            f"{subject.name} was made from {named}, which is code, and no manifest decides which code "
            f"runs. If you trust it, name it yourself: --against {shlex.quote(named)}"
        )
    given = against or ModelSource(record.source.model)
    network = load(_filled_up(given, record.source))
    if not given.names_weights and network.checkpoint_sha256 != record.checkpoint_sha256:
        raise ArtifactError(
            f"{subject.name} was made from other weights than {network.checkpoint} holds now (its sha256 differs). "
            "Pass the right ones: --against MODEL --weights FILE."
        )
    return network_predictor(network)


def _filled_up(given: ModelSource, recorded: ModelSource) -> ModelSource:
    """What was given for a model, and for the rest what the manifest says of it."""
    values = {field.name: getattr(given, field.name) for field in fields(ModelSource)}
    kept = {name: value for name, value in values.items() if value is not None and value is not False}
    if given.names_weights:
        kept |= {"weights": given.weights, "random_weights": given.random_weights}
    return replace(recorded, **kept)


def _parity_images(subject: "Predictor", name: str | None) -> "ImageBatch":
    """The held-out part of a set, without any image that the file was calibrated on."""
    from ca_deploy.data.calibration import NOT_YOUR_DOMAIN, load_calibration, load_spec
    from ca_deploy.records.model import registered_models

    record = subject.manifest.calibration if subject.manifest else None
    model = registered_models().get(subject.manifest.model.name) if subject.manifest else None
    own = model.calibration if model and subject.manifest and subject.manifest.model.source.weights is None else None
    spec = load_spec(name or own or NOT_YOUR_DOMAIN)
    images = load_calibration(replace(spec, held_out=max(32, spec.held_out)), subject.preprocessing).held_out
    unseen = images.without(record.images_sha256 if record else ())
    if not len(unseen):
        raise ImageDataError(
            f"The set {spec.name!r} has no image left that calibration has not seen. Name another with --calibration."
        )
    return unseen


def _tolerances(subject: "Predictor") -> Tolerances:
    """Without a manifest nobody knows whether the file is an integer one: then the integer floors hold."""
    if subject.manifest is not None:
        return subject.manifest.recipe.tolerances
    return Tolerances(sqnr_db=FLOOR_SQNR_DB, agreement_percent=FLOOR_AGREEMENT_PERCENT)
