"""``export()``: from a model's name to verified files."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

from ca_deploy.compat import check as compat
from ca_deploy.compat.brief import briefs
from ca_deploy.data.calibration import NOT_YOUR_DOMAIN, CalibrationSet, load_calibration, load_spec
from ca_deploy.delivery import EXPORT_BYTES, deliver, staging, zip_folder
from ca_deploy.delivery.interrupts import was_interrupted
from ca_deploy.errors import (
    ArtifactError,
    CaDeployError,
    ExportFailed,
    OutputError,
    RuntimeUnavailable,
    WorkerError,
)
from ca_deploy.files import sha256_of, size_of
from ca_deploy.formats import find_format
from ca_deploy.networks.program import save_program, traced
from ca_deploy.networks.source import Network, load
from ca_deploy.networks.threads import on_threads_beside
from ca_deploy.pipeline.class_names import named_by_folders
from ca_deploy.pipeline.converters import Converters
from ca_deploy.pipeline.image_doubts import Doubts, doubts_about
from ca_deploy.pipeline.request import ExportRequest, refuse_unfit
from ca_deploy.pipeline.verify import Reference, Verified, reference_answers, verify
from ca_deploy.progress import DONE, NamedStep, counting
from ca_deploy.records.codec import to_json
from ca_deploy.records.compat import CompatRecord, CompatReport
from ca_deploy.records.conversion import Conversion, Converted
from ca_deploy.records.image_sizes import ImageSizes
from ca_deploy.records.manifest import SCHEMA_VERSION, CalibrationRecord, Manifest, ModelRecord, manifest_path
from ca_deploy.records.parity import Status
from ca_deploy.records.places import source_beside
from ca_deploy.targets import find_target


@dataclass(frozen=True, slots=True)
class Export:
    """An exported file with its manifest; ``seconds`` is the time from the start until it was verified."""

    path: Path
    manifest: Manifest
    log: Path
    seconds: float

    @property
    def passed(self) -> bool:
        """Parity was measured and is within the recipe's tolerances."""
        return self.manifest.parity.status == Status.PASS


def export(request: ExportRequest, step: NamedStep) -> list[Export]:
    """Export a model with each recipe, verify every file against PyTorch, and write a manifest beside it.

    All files of a call appear in ``request.output`` together, or none does. A file that misses its tolerances is kept,
    and :attr:`Export.passed` is False. ``step`` is called with the recipe and its progress.

    Raises:
        ExportFailed: some recipes failed; the files of the others, which it carries, are delivered.
        CaDeployError: see :mod:`ca_deploy.errors`; nothing is left half-written.
    """
    started = time.perf_counter()
    formats = request.formats()
    with staging(request.output, EXPORT_BYTES) as scratch:
        with Converters(
            {format: scratch / request.log(recipes[0]).name for format, recipes in formats.items()}, scratch
        ) as converters:
            step("", "loading the network")
            network = load(request.source, request.module)
            refuse_unfit(request, network)
            network, source = named_by_folders(network, request.source, request.calibration, scratch)
            step("", "reading calibration images")
            chosen = load_spec(request.calibration or network.default_calibration or NOT_YOUR_DOMAIN)
            images = load_calibration(chosen, network.signature, request.calibration_count, request.held_out)
            sizes = _image_sizes(request, network, step)
            if request.module is not None:
                step("", "tracing the network")
                any_batch = request.dynamic_batch or request.batch > 1
                source = save_program(network, scratch, source, any_batch, sizes is not None)
            conversions = {
                format: [
                    Conversion(
                        source=source,
                        recipe=recipe,
                        calibration=images.calibration if recipe.needs_calibration else None,
                        path=scratch / f"{network.name}.{recipe.name}{format.suffix}",
                        log=request.log(recipe),
                        dynamic_batch=request.dynamic_batch,
                        batch=request.batch,
                        dynamic_size=request.dynamic_size,
                        sizes=sizes.enumerated if sizes else (),
                        lowering=request.lowering,
                        examples=images.calibration.first(request.batch),
                    )
                    for recipe in recipes
                ]
                for format, recipes in formats.items()
            }
            finished = converters.begin(conversions, step)
            with on_threads_beside(len(formats)):
                what = f"running the network on {len(images.held_out)} held-out samples"
                reference = reference_answers(network, images.held_out, counting(partial(step, ""), what))
                step("", "looking at the images")
                calibrated = any(recipe.needs_calibration for recipe in request.recipes)
                doubts = doubts_about(network, images, calibrated)
            step("", DONE)
            exports: dict[str, Export] = {}
            failures: dict[str, CaDeployError] = {}
            for conversion, converted in finished:
                name = conversion.recipe.name
                try:
                    if isinstance(converted, CaDeployError):
                        raise converted
                    progress = counting(partial(step, name), "verifying against PyTorch")
                    verified = verify(conversion, converted, reference, sizes.verified if sizes else (), progress)
                except OutputError:
                    raise
                except CaDeployError as error:
                    step(name, "failed")
                    step(name, DONE)
                    failures[name] = error
                    continue
                if request.targets:
                    step(name, "checking operators")
                manifest = replace(
                    _manifest(request, conversion, converted, reference, images, doubts, verified, sizes),
                    compatibility=_compatibility(conversion.path, request.targets),
                    assumptions=network.assumptions,
                    acceleration=briefs(conversion.path, but=request.targets),
                )
                step(name, DONE)
                seconds = time.perf_counter() - started
                log = request.log(conversion.recipe)
                exports[name] = Export(request.output / manifest.file, manifest, log, seconds)
        if was_interrupted():  # a library that was being imported made another error of it, one of the failures
            raise KeyboardInterrupt
        printed = [conversion.printed for each in conversions.values() for conversion in each]
        logs = [log for log in printed if log.is_file()]  # none of a process that did not start
        if not exports:
            deliver(scratch, logs)  # messages name them
            raise _failed((), failures)
        sets = [_with_companions(scratch / made.manifest.file, made.manifest, request) for made in exports.values()]
        deliver(scratch, [*(path for files in sets for path in files), *logs])
    done = [exports[recipe.name] for recipe in request.recipes if recipe.name in exports]
    if failures:
        raise _failed(done, failures)
    return done


def _failed(done: Sequence[Export], failures: Mapping[str, CaDeployError]) -> CaDeployError:
    """The error to raise: the recipes' own where they all failed for one reason."""
    first, *others = failures.values()
    alone = not done and all(str(error) == str(first) for error in others)
    return first if alone else ExportFailed(done, failures)


def _image_sizes(request: ExportRequest, network: Network, step: NamedStep) -> ImageSizes | None:
    """The sizes of images that the files take; None where it is only one.

    Raises:
        UsageError: the network has no image, or several.
        ModelError: it takes images of one size only.
    """
    if not request.dynamic_size and not request.sizes:
        return None
    from ca_deploy.networks.dynamic_size import any_size, only_image, these_sizes

    only_image(network.signature, "--dynamic-size" if request.dynamic_size else "--sizes")
    step("", "tracing the network for images of several sizes")
    program = traced(network, request.dynamic_batch, request.batch, dynamic_size=True)
    return any_size(network, program) if request.dynamic_size else these_sizes(network, program, request.sizes)


def _compatibility(path: Path, targets: Sequence[str]) -> tuple[CompatRecord, ...]:
    """The reports of the targets that check such a file; a check that fails does not fail the export."""
    fitting = [name for name in targets if path.suffix in find_target(name)[0].suffixes]
    try:
        reports = compat.check(path, fitting) if fitting else []
    except (ArtifactError, RuntimeUnavailable, WorkerError) as error:
        why = str(error).replace(str(path), path.name)
        reports = [CompatReport(name, "", path.name, skipped=why) for name in fitting]
    return tuple(report.record() for report in reports)


def _manifest(
    request: ExportRequest,
    conversion: Conversion,
    converted: Converted,
    reference: Reference,
    images: CalibrationSet,
    doubts: Doubts,
    verified: Verified,
    sizes: ImageSizes | None,
) -> Manifest:
    path, recipe, network = conversion.path, conversion.recipe, reference.network
    calibrated = recipe.needs_calibration
    meaningless = "The network is untrained (--random-weights): its outputs mean nothing."
    untrained = (meaningless,) if request.source.random_weights else ()
    recorded = images.record(request.output, calibrated)
    kind = "images" if network.signature.images else "samples"
    return Manifest(
        schema_version=SCHEMA_VERSION,
        ca_deploy_version=version("ca-deploy"),
        file=path.name,
        format=recipe.format,
        inputs=converted.inputs,
        outputs=converted.outputs,
        signature=network.signature,
        labels=network.labels,
        sha256=sha256_of(path),
        size_bytes=size_of(path),
        float32_size_bytes=size_of(converted.float32_path or path),
        model=ModelRecord(
            name=network.name,
            source=source_beside(request.source, request.output),
            checkpoint_sha256=network.checkpoint_sha256,
            checkpoint_layout=network.checkpoint_layout,
            trained=network.trained,
            parameters=sum(parameter.numel() for parameter in network.original.parameters()),
            from_object=request.module is not None,
        ),
        recipe=recipe,
        calibration=CalibrationRecord(
            images.name, images.domain, len(images.calibration), accuracy_unknown=images.domain == "random"
        )
        if calibrated
        else None,
        operators=converted.operators,
        float_operators=converted.float_operators,
        lowering=converted.lowering,
        parity=replace(verified.parity, image_set=f"held-out {kind} of {recorded.label}", images_sha256=()),
        speed=verified.speed,
        tools=converted.tools,
        warnings=(
            *network.notes,
            *converted.notes,
            *((sizes.text,) if sizes else ()),
            *untrained,
            *(images.warnings if calibrated else images.notes),
            *(doubts.calibration if calibrated else ()),
            *doubts.held_out,
            *verified.warnings,
        ),
        session_settings=verified.settings or {},
        task=network.task.name,
        task_reason=network.task_reason,
        image_sizes=sizes,
        images=recorded,
    )


def _with_companions(finished: Path, manifest: Manifest, request: ExportRequest) -> list[Path]:
    """Write manifest, snippets and .zip beside the finished file; returns the paths of all files."""
    code = find_format(manifest.format).code_for(manifest)
    contents = {manifest_path(finished): to_json(manifest)}
    contents |= {finished.with_suffix(suffix): text for suffix, text in code.items()}
    for path, content in contents.items():
        path.write_text(content, encoding="utf-8")
    companions = [*contents]
    if request.zipped and finished.is_dir():
        companions.append(finished.with_name(f"{finished.name}.zip"))
        zip_folder(finished, companions[-1])
    return [finished, *companions]
