"""Network -> ``.onnx``: the stages."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import TopologicalSortPass

from ca_deploy.errors import ModelError
from ca_deploy.formats._last_stage import KeptFloat, LastStages
from ca_deploy.formats._layers import nothing_left, overridden
from ca_deploy.formats.onnx.average_whole_maps import average_whole_maps
from ca_deploy.formats.onnx.bias_correction import correct_biases
from ca_deploy.formats.onnx.calibrate import Observed, Range, activation_ranges, observe
from ca_deploy.formats.onnx.camera_input import take_camera_rgb
from ca_deploy.formats.onnx.convert import modules_of, to_onnx
from ca_deploy.formats.onnx.detections import with_detections
from ca_deploy.formats.onnx.float16 import forget_wrong_types, to_float16
from ca_deploy.formats.onnx.integer_io import integer_io
from ca_deploy.formats.onnx.last_stage import last_stages
from ca_deploy.formats.onnx.quantise import quantise_dynamic, quantise_static
from ca_deploy.formats.onnx.run_time import Planned, at_run_time
from ca_deploy.formats.onnx.specs import tensor_specs
from ca_deploy.lowering.rules import rules_for
from ca_deploy.progress import Step
from ca_deploy.records.conversion import Conversion, Converted
from ca_deploy.records.lowering import Lowering
from ca_deploy.records.recipe import ExportRecipe
from ca_deploy.records.samples import Samples

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network

_TOOLS = ("torch", "onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A model between two stages, for ``batch`` samples at once (1 where that is dynamic).

    ``normalisation`` names the nodes that normalise a camera's image; ``kept_float`` maps the nodes that the recipe
    keeps float to the pattern of their ``[[layer]]``; ``last_stage`` has those that are kept float for their outputs.
    ``lowering`` is how attention is written.
    """

    proto: onnx.ModelProto
    batch: int
    normalisation: tuple[str, ...]
    kept_float: Mapping[str, str]
    lowering: Lowering
    last_stage: KeptFloat = field(default_factory=KeptFloat)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Calibration samples in the form of the model's inputs, and statistics of the activations on them."""

    fed: Samples
    observed: Observed
    last_stages: LastStages


class OnnxConverter:
    """See :class:`ca_deploy.formats.Converter`. Files are self-contained and pass ``onnx.checker``'s full check."""

    def __init__(self, network: "Network") -> None:
        self._network, self._signature = network.converted, network.signature
        self._float_models: dict[tuple[Any, ...], tuple[bytes, Lowering]] = {}

    def convert(self, conversion: Conversion, step: Step) -> OnnxModel:
        recipe = conversion.recipe
        opset = cast(int, recipe.options["opset"])
        rules = rules_for(conversion.lowering, recipe.format, recipe.arithmetic)
        key = (opset, conversion.dynamic_batch, conversion.batch, conversion.dynamic_size, rules.forms)
        step("tracing the network to ONNX")
        if key not in self._float_models:
            float_model, lowering = to_onnx(self._network, *key[:-1], rules, conversion.examples)
            self._float_models[key] = float_model.SerializeToString(), lowering
        content, lowering = self._float_models[key]
        proto = onnx.load_from_string(content)
        if recipe.mode == "static":
            average_whole_maps(proto)
        kept_float = overridden(recipe, modules_of(proto))
        normalisation: list[str] = []
        if recipe.io == "uint8rgb":
            normalisation = take_camera_rgb(proto, self._network.signature.photo_or_refuse(recipe.name))
        if recipe.mode != "float32":
            onnx.save(with_detections(proto, self._signature), conversion.float32_path)
        patterns = {name: found.match for name, found in kept_float.items()}
        return OnnxModel(proto, conversion.batch, tuple(normalisation), patterns, lowering)

    def calibrate(self, model: OnnxModel, samples: Samples, recipe: ExportRecipe) -> Calibrated:
        fed = samples if model.normalisation else self._network.signature.to_network(samples)
        stages = last_stages(model.proto)
        percentile = recipe.percentile if recipe.calibration == "percentile" else 100
        return Calibrated(fed, observe(model.proto, fed, model.batch, percentile, stages.scales), stages)

    def ranges(self, model: OnnxModel, seen: Calibrated, recipe: ExportRecipe) -> dict[str, Range]:
        return activation_ranges(seen.observed)

    def apply(
        self,
        model: OnnxModel,
        recipe: ExportRecipe,
        seen: Calibrated | None,
        ranges: dict[str, Range] | None,
        step: Step,
    ) -> OnnxModel:
        if recipe.mode == "float16":
            step("converting to float16")
            return replace(model, proto=to_float16(model.proto))
        if seen is None or ranges is None:
            step("quantising weights")
            return replace(model, proto=quantise_dynamic(model.proto))
        step("quantising weights and activations")
        last = seen.last_stages.kept_float(recipe, len(seen.fed), dict.fromkeys(model.kept_float, "float"))
        keep_float = (*model.normalisation, *model.kept_float, *last.reasons)
        try:
            quantised = quantise_static(model.proto, ranges, keep_float)
        except ModelError as error:
            if not model.kept_float:
                raise
            raise nothing_left(recipe) from error
        correct_biases(quantised, model.proto, seen.fed, model.batch)
        if recipe.io == "int8":
            integer_io(quantised)
        return replace(model, proto=quantised, last_stage=last)

    def write(self, model: OnnxModel, conversion: Conversion) -> Converted:
        recipe = conversion.recipe
        proto = _sorted(model.proto)
        if recipe.is_integer:
            del proto.graph.value_info[:]  # shapes that readers infer themselves: 2 % of an integer file
        elif recipe.mode == "float16":
            forget_wrong_types(proto)
        proto = with_detections(proto, self._signature)
        onnx.checker.check_model(proto, full_check=True)
        onnx.save(proto, conversion.path)
        planned = Planned((), ())
        if recipe.is_integer:
            planned = at_run_time(proto, model.normalisation, model.kept_float, model.last_stage.reasons)
        inputs, outputs = tensor_specs(proto, self._network.signature, normalised=not model.normalisation)
        return Converted(
            inputs=inputs,
            outputs=outputs,
            operators=dict(Counter(node.op_type for node in proto.graph.node).most_common()),
            tools={tool: version(tool) for tool in _TOOLS},
            float_operators=planned.float_operators,
            notes=(*model.last_stage.notes, *planned.notes),
            float32_path=conversion.float32_path if recipe.mode != "float32" else None,
            lowering=model.lowering,
        )


def _sorted(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its nodes in topological order, as ONNX requires; ONNX Runtime's tools append nodes at the end."""
    return ir.to_proto(TopologicalSortPass()(ir.from_proto(model)).model)
