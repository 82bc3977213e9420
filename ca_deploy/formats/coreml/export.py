"""Network -> ``.mlpackage``: the stages."""

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import ca_deploy.formats.coreml.lean_import  # noqa: F401 - before the other modules import coremltools
from ca_deploy.errors import ModelError
from ca_deploy.formats._last_stage import KeptFloat, LastStages
from ca_deploy.formats._layers import nothing_left, overridden
from ca_deploy.formats.coreml.bias_correction import ShiftBiases, bias_shifts
from ca_deploy.formats.coreml.classifier import LABEL, LABEL_PROBABILITIES, add_classifier
from ca_deploy.formats.coreml.compress import apply_passes, compress_weights
from ca_deploy.formats.coreml.convert import Traced, convert, modules_of, trace
from ca_deploy.formats.coreml.detections import describe_detections, with_detections
from ca_deploy.formats.coreml.last_stage import last_stages
from ca_deploy.formats.coreml.metadata import describe
from ca_deploy.formats.coreml.package import save
from ca_deploy.formats.coreml.quantise import Range, activation_passes, activation_ranges
from ca_deploy.formats.coreml.run_time import float_operators
from ca_deploy.formats.coreml.statistics import Activation, observe
from ca_deploy.lowering.rules import rules_for
from ca_deploy.mil.executor import Executor
from ca_deploy.mil.package import read_package
from ca_deploy.mil.program import Program, read_program
from ca_deploy.mil.specs import tensor_specs
from ca_deploy.networks.threads import on_threads
from ca_deploy.progress import Step
from ca_deploy.records.conversion import Conversion, Converted
from ca_deploy.records.recipe import ExportRecipe, LayerBits
from ca_deploy.records.samples import Samples

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network

_TOOLS = ("torch", "coremltools")


@dataclass(frozen=True, slots=True)
class CoremlModel:
    """An ``MLModel`` for ``batch`` samples between two stages, the program that it was converted from, and a folder for
    temporary packages.

    ``kept_float`` maps operations that a recipe's ``[[layer]]`` keeps float to its pattern; ``last_stage`` has those
    that are kept float for an output.
    """

    model: Any
    traced: Traced
    batch: int
    folder: Path
    kept_float: Mapping[str, str]
    last_stage: KeptFloat = field(default_factory=KeptFloat)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The float16 program, and statistics of its activations on ``samples`` samples, by name."""

    program: Program
    samples: int
    activations: dict[str, Activation]
    last_stages: LastStages


class CoremlConverter:
    """See :class:`ca_deploy.formats.Converter`. The exported file is a folder."""

    def __init__(self, network: "Network") -> None:
        self._network, self._signature = network.converted, network.signature
        self._traced: dict[tuple[Any, ...], Traced] = {}

    def convert(self, conversion: Conversion, step: Step) -> CoremlModel:
        recipe = conversion.recipe
        camera, target = recipe.io == "uint8rgb", str(recipe.options["deployment_target"])
        step("tracing the network")
        rules = rules_for(conversion.lowering, recipe.format, recipe.arithmetic)
        key = (camera, conversion.batch, conversion.sizes, rules.forms)
        if key not in self._traced:
            self._traced[key] = trace(self._network, *key[:-1], rules, conversion.examples)
        traced = self._traced[key]
        step("converting with coremltools")
        model = convert(traced, "float32", target)
        if recipe.mode != "float32":
            self._save(model, conversion.float32_path)
            model = convert(traced, "float16", target)
        kept_float = overridden(recipe, modules_of(model, traced)) if recipe.layer else {}
        patterns = {name: found.match for name, found in kept_float.items()}
        return CoremlModel(model, traced, conversion.batch, conversion.path.parent, patterns)

    def calibrate(self, model: CoremlModel, samples: Samples, recipe: ExportRecipe) -> Calibrated:
        """In the reference executor, which needs no Mac, on the program as it would be saved."""
        signature = self._network.signature
        fed = samples if recipe.io == "uint8rgb" else signature.to_network(samples)
        feeds = ([rows[taken.name] for taken in signature.inputs] for rows in fed.batches(model.batch))
        with _saved(model, model.model) as package, on_threads(1):
            program = read_program(read_package(package))
            stages = last_stages(program)
            return Calibrated(program, len(samples), observe(package, feeds, stages.scales), stages)

    def ranges(self, model: CoremlModel, seen: Calibrated, recipe: ExportRecipe) -> dict[str, Range]:
        return activation_ranges(seen.program, seen.activations, recipe)

    def apply(
        self,
        model: CoremlModel,
        recipe: ExportRecipe,
        seen: Calibrated | None,
        ranges: dict[str, Range] | None,
        step: Step,
    ) -> CoremlModel:
        if not recipe.compresses_weights:
            return model
        last = KeptFloat()
        step("compressing weights")
        compressed = compress_weights(model.model, recipe)
        if seen is not None and ranges is not None:
            step("correcting biases")
            with _saved(model, model.model) as before, _saved(model, compressed) as after, on_threads(1):
                shifts = bias_shifts(Executor(before), Executor(after), seen.activations)
            passes: list[Any] = [ShiftBiases(shifts)]
            if recipe.activation_bits:
                bits: dict[str, LayerBits] = dict.fromkeys(model.kept_float, "float")
                last = seen.last_stages.kept_float(recipe, seen.samples, bits)
                passes += _activation_passes(model, recipe, seen, ranges, {*model.kept_float, *last.reasons})
            compressed = apply_passes(compressed, passes)
        return replace(model, model=compressed, last_stage=last)

    def write(self, model: CoremlModel, conversion: Conversion) -> Converted:
        recipe, probabilities = conversion.recipe, model.traced.probabilities
        self._save(model.model, conversion.path, recipe, probabilities)
        program = read_program(read_package(conversion.path))
        inputs, outputs = tensor_specs(program)
        notes = []
        if probabilities:
            logits = self._network.signature.outputs[0].name
            notes = [f"It is a classifier, with the outputs {LABEL}, {LABEL_PROBABILITIES} and {logits}."]
        return Converted(
            inputs=inputs,
            outputs=outputs,
            operators=dict(Counter(o.kind for o in program.operations if o.kind != "const").most_common()),
            tools={tool: version(tool) for tool in _TOOLS},
            float_operators=float_operators(program, model.kept_float, model.last_stage.reasons)
            if recipe.is_integer
            else (),
            notes=(*notes, *model.last_stage.notes),
            float32_path=conversion.float32_path if recipe.mode != "float32" else None,
            lowering=model.traced.lowering,
        )

    def _save(self, model: Any, path: Path, recipe: ExportRecipe | None = None, probabilities: str = "") -> None:
        """With the head, if there is one; of a ``recipe``'s own file with a description, and as a classifier where it
        has ``probabilities``."""
        finished = with_detections(model, self._signature)
        spec = finished.get_spec()
        if probabilities:
            add_classifier(spec, probabilities, self._network.labels or ())
        if recipe is not None:
            describe(spec, self._network, recipe)
        describe_detections(spec, self._signature)
        save(spec, Path(finished.weights_dir), path)


def _activation_passes(
    model: CoremlModel, recipe: ExportRecipe, seen: Calibrated, ranges: Mapping[str, Range], kept_float: Container[str]
) -> list[Any]:
    try:
        return activation_passes(seen.program, ranges, kept_float)
    except ModelError as error:
        if not model.kept_float:
            raise
        raise nothing_left(recipe) from error


@contextmanager
def _saved(model: CoremlModel, converted: Any) -> Iterator[Path]:
    """A temporary package next to the exported file."""
    with TemporaryDirectory(dir=model.folder) as scratch:
        package = Path(scratch, "model.mlpackage")
        save(converted.get_spec(), Path(converted.weights_dir), package)
        yield package
