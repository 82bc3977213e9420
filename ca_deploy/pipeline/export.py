"""``export()``: the whole story, from a model's name to verified files."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.compat import check as compat
from ca_deploy.data.calibration import NOT_YOUR_DOMAIN, CalibrationSet, load_calibration, load_spec
from ca_deploy.delivery import deliver, staging, zip_folder
from ca_deploy.errors import ArtifactError, RuntimeUnavailable, UsageError, WorkerError
from ca_deploy.evaluation.parity import FEWEST_IMAGES, measure, outputs_of
from ca_deploy.evaluation.predictor import exported_predictor, network_predictor
from ca_deploy.files import sha256_of, size_of
from ca_deploy.formats import Format, find_format
from ca_deploy.latency import against_float32
from ca_deploy.networks.source import Network, load
from ca_deploy.pipeline import snippets, snippets_swift
from ca_deploy.pipeline.converters import Converters, Step
from ca_deploy.pipeline.worker import Job
from ca_deploy.recipes import load_recipe
from ca_deploy.records.codec import to_json
from ca_deploy.records.compat import CompatRecord, CompatReport
from ca_deploy.records.conversion import Converted
from ca_deploy.records.manifest import SCHEMA_VERSION, CalibrationRecord, Manifest, ModelRecord, manifest_path
from ca_deploy.records.model import ModelSource
from ca_deploy.records.parity import ParityReport, Status
from ca_deploy.records.recipe import ExportRecipe
from ca_deploy.runtimes import differing_default, runtimes_for
from ca_deploy.targets import find_target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Export:
    """One exported file with its manifest; ``seconds`` is the time from the start until it was verified."""

    path: Path
    manifest: Manifest
    log: Path
    seconds: float

    @property
    def passed(self) -> bool:
        """Parity was measured and is within the recipe's tolerances."""
        return self.manifest.parity.status == "pass"


def export(
    model: str | ModelSource,
    recipes: Sequence[str],
    output: Path,
    calibration: str | None = None,
    calibration_count: int | None = None,
    dynamic_batch: bool = False,
    check: Sequence[str] = (),
    zipped: bool = False,
    step: Step = lambda recipe, text: None,
) -> list[Export]:
    """Export a model by each recipe, verify every file against PyTorch, and write a manifest beside it.

    Files appear in ``output`` whole or not at all, those of one call together. A file that misses its tolerances
    stays, and says so: look at :attr:`Export.passed`.

    Args:
        model: a registered name, ``package.module:factory``, a ``.pt2`` file, or a :class:`ModelSource`.
        recipes: names or TOML paths, such as ``["tflite_static_wi8_ai8", "onnx_float32"]``.
        output: folder for the results; made if missing.
        calibration: name of a set, TOML path, or folder of images; by default the model's own set.
        calibration_count: how many images calibrate; by default what the set says (200 for a folder).
        dynamic_batch: let the batch dimension vary (ONNX only).
        check: targets (``"xnnpack"``, ``"nnapi:29"``) that look at the files they can read; what they find goes into
            the manifest.
        zipped: pack a result that is a folder (Core ML) into a .zip beside it.
        step: is told what is being done, for showing progress.

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`; nothing is left half-written.
    """
    started = time.perf_counter()
    source = ModelSource(model) if isinstance(model, str) else model
    chosen = [load_recipe(name) for name in dict.fromkeys(recipes)]
    if not chosen:
        raise UsageError("Nothing to export: name at least one recipe.")
    if len({recipe.name for recipe in chosen}) < len({*chosen}):
        raise UsageError(
            f"Two of the recipes {', '.join(recipes)} would make files of the same name. Rename one of them."
        )
    formats = {recipe.name: _usable_format(recipe) for recipe in chosen}
    _refuse_idle_targets(check, formats.values())
    source.registered()  # an unknown name is answered before anything starts

    by_format = {format: [recipe for recipe in chosen if formats[recipe.name] is format] for format in formats.values()}

    def log(recipe: ExportRecipe) -> Path:
        return output / f"{source.stem}.{recipe.name}.log"

    with staging(output) as scratch:
        with Converters({format: log(recipes[0]) for format, recipes in by_format.items()}) as converters:
            step("", "loading the network")
            network = load(source)
            step("", "reading calibration images")
            images = _images(calibration, calibration_count, network)

            def job(recipe: ExportRecipe) -> Job:
                pixels = images.calibration.pixels if recipe.needs_calibration else None
                place = scratch / f"{network.name}.{recipe.name}{formats[recipe.name].suffix}"
                return Job(source, recipe, pixels, place, dynamic_batch, log(recipe))

            finished = converters.begin({f: [job(recipe) for recipe in by_format[f]] for f in by_format}, step)
            reference = network_predictor(network)
            answers = outputs_of(reference, images.held_out.pixels)
            exports = {}
            for done, converted in finished:
                recipe = done.recipe
                step(recipe.name, "verifying against PyTorch")
                manifest = _verify(done.path, source, network, recipe, images, converted, reference.name, answers)
                if check:
                    step(recipe.name, "checking operators")
                    manifest = replace(manifest, compatibility=_compatibility(done.path, check))
                seconds = time.perf_counter() - started
                exports[recipe.name] = Export(output / manifest.file, manifest, done.log, seconds)
        sets = [_with_companions(scratch / done.manifest.file, done, zipped) for done in exports.values()]
        deliver(scratch, [path for files in sets for path in files])
    return [exports[recipe.name] for recipe in chosen]


def _refuse_idle_targets(targets: Sequence[str], formats: Iterable[Format]) -> None:
    made = {format.suffix for format in formats}
    for name in targets:
        target, _ = find_target(name)
        if not made & set(target.suffixes):
            raise UsageError(f"--check {name} looks at {', '.join(target.suffixes)} files, and none is exported here.")


def _compatibility(path: Path, targets: Sequence[str]) -> tuple[CompatRecord, ...]:
    """What the targets that take such a file find; a check that cannot be made does not undo the export."""
    fitting = [name for name in targets if path.suffix in find_target(name)[0].suffixes]
    try:
        reports = compat.check(path, fitting) if fitting else []
    except (ArtifactError, RuntimeUnavailable, WorkerError) as error:
        reports = [CompatReport(name, "", path.name, skipped=str(error)) for name in fitting]
    return tuple(report.record() for report in reports)


def _usable_format(recipe: ExportRecipe) -> Format:
    found = find_format(recipe.format)
    missing = found.missing_packages()
    if missing:
        raise RuntimeUnavailable(
            f"Recipe {recipe.name} needs {', '.join(missing)}, which this machine lacks. The converters have no "
            "packages for ARM Linux: export on an x86-64 machine or a Mac, and copy the files over."
        )
    return found


def _images(name: str | None, count: int | None, network: Network) -> CalibrationSet:
    """The images asked for, or the model's own; where they are too few to hold some out, parity borrows a set."""
    default = network.default_calibration or NOT_YOUR_DOMAIN
    chosen = load_calibration(load_spec(name or default), network.preprocessing, count)
    if len(chosen.held_out) >= FEWEST_IMAGES:
        return chosen
    fallback = load_calibration(load_spec(default), network.preprocessing)
    warning = f"Too few images in {name} to hold {FEWEST_IMAGES} out: parity was taken on the set {default!r}."
    return replace(chosen, held_out=fallback.held_out, warnings=(*chosen.warnings, warning))


def _verify(
    path: Path,
    source: ModelSource,
    network: Network,
    recipe: ExportRecipe,
    images: CalibrationSet,
    converted: Converted,
    reference_name: str,
    answers: "NDArray[np.float32]",
) -> Manifest:
    """Open the file in its runtime, compare it with PyTorch, time it, and write all of it down."""
    warnings = [*converted.notes]
    if not network.trained:
        warnings.append("The network is untrained (--random-weights): its answers mean nothing.")
    if recipe.needs_calibration:
        warnings += images.warnings
    draft = Manifest(
        schema_version=SCHEMA_VERSION,
        ca_deploy_version=version("ca-deploy"),
        file=path.name,
        sha256=sha256_of(path),
        size_bytes=size_of(path),
        float32_size_bytes=size_of(converted.float32_path or path),
        format=recipe.format,
        model=ModelRecord(
            network.name,
            source,
            network.checkpoint_sha256,
            network.checkpoint_layout,
            network.trained,
            sum(parameter.numel() for parameter in network.module.parameters()),
        ),
        recipe=recipe,
        calibration=CalibrationRecord(
            images.name, images.domain, images.calibration.sha256, accuracy_unknown=images.domain == "random"
        )
        if recipe.needs_calibration
        else None,
        inputs=converted.inputs,
        outputs=converted.outputs,
        preprocessing=network.preprocessing,
        labels=network.labels,
        operators=converted.operators,
        float_operators=converted.float_operators,
        lowering=(),
        parity=ParityReport(Status.SKIPPED, "not run yet", path.name, reference_name, "", recipe.tolerances),
        speed=None,
        tools=converted.tools,
        warnings=(),
    )
    try:
        subject = exported_predictor(path, draft)
        default = differing_default(subject.session, path)
        parity = measure(subject, reference_name, answers, images.held_out, recipe.tolerances, default=default)
        if parity.default_settings and parity.default_settings.note:
            warnings.append(parity.default_settings.note)
        draft = replace(draft, session_settings=subject.session.settings)
        first, *others = runtimes_for(path)
        timed = converted.float32_path is not None and not first.reference
        speed = against_float32(path, converted.float32_path) if timed and converted.float32_path else None
        for other in others:
            if other.reference:  # on a Mac: do Core ML and the executor that stands in for it elsewhere agree?
                second = measure(
                    exported_predictor(path, draft, other.name),
                    reference_name,
                    answers,
                    images.held_out,
                    recipe.tolerances,
                )
                warnings.append(f"The {second.runtime} on the same images: {second.status}, SQNR {second.sqnr_db} dB.")
    except RuntimeUnavailable as error:
        parity, speed = replace(draft.parity, reason=str(error)), None
    if speed is not None and speed.median_ms > speed.float32_median_ms:
        times = speed.median_ms / speed.float32_median_ms
        warnings.append(f"{times:.1f} times slower than float32 on this machine (1 thread).")
    return replace(draft, parity=parity, speed=speed, warnings=tuple(warnings))


def _with_companions(finished: Path, export: Export, zipped: bool) -> list[Path]:
    """Write manifest and snippets beside the finished file; all of them."""
    apple = export.manifest.format == "coreml"
    contents = {
        manifest_path(finished): to_json(export.manifest),
        finished.with_suffix(".py"): snippets.python(export.manifest),
        finished.with_suffix(".swift" if apple else ".kt"): (snippets_swift.swift if apple else snippets.kotlin)(
            export.manifest
        ),
    }
    for path, content in contents.items():
        path.write_text(content, encoding="utf-8")
    companions = [*contents]
    if zipped and finished.is_dir():
        companions.append(finished.with_name(f"{finished.name}.zip"))
        zip_folder(finished, companions[-1])
    return [finished, *companions]
