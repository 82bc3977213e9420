"""Network -> TFLite file: the stages."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from ca_deploy.formats._last_stage import KeptFloat, LastStages
from ca_deploy.formats._layers import kept_float_because, overridden
from ca_deploy.formats.tflite.bias_correction import correct_biases
from ca_deploy.formats.tflite.camera_input import RGB_RANGE, take_uint8
from ca_deploy.formats.tflite.convert import convert
from ca_deploy.formats.tflite.detections import with_detections
from ca_deploy.formats.tflite.flat_padding import flat_padding
from ca_deploy.formats.tflite.last_stage import last_stages
from ca_deploy.formats.tflite.quantise import quantise
from ca_deploy.formats.tflite.ranges import Ranges, activation_ranges
from ca_deploy.formats.tflite.statistics import Activation, observe
from ca_deploy.graphs import flatbuffer
from ca_deploy.graphs.float16_arithmetic import allow_float16
from ca_deploy.lowering.rules import Rules, rules_for
from ca_deploy.processes.cores import cores
from ca_deploy.progress import Step
from ca_deploy.records.conversion import Conversion, Converted, FloatOperator
from ca_deploy.records.lowering import Lowering, Padding
from ca_deploy.records.recipe import ExportRecipe, LayerOverride
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ca_deploy.networks.source import Network

_TOOLS = ("torch", "litert-torch", "ai-edge-quantizer", "ai-edge-litert")


_IN_FLOAT16 = (
    "It is computed in float16 where the processor does so (ARMv8.2 and later), and in float32 elsewhere: what it "
    "answers on a device is seen by `ca-deploy profile FILE --device DEVICE --verify`."
)


@dataclass(frozen=True, slots=True)
class TfliteModel:
    """A flatbuffer for ``batch`` samples between two stages, unpacked (``schema.ModelT``) and packed.

    ``overrides`` maps the output tensors of operators to their ``[[layer]]``, ``last_stage`` has those that are kept
    float for an output, and ``gaps`` the kinds of operators on which the quantizer fails, with the reason why they stay
    float. ``lowering`` is how attention is written, and ``padding`` how padding will be.
    """

    flatbuffer: Any
    content: bytes
    camera: bool
    batch: int
    overrides: Mapping[str, LayerOverride]
    lowering: Lowering
    padding: Padding
    notes: tuple[str, ...] = ()
    gaps: Mapping[str, str] = field(default_factory=dict)
    last_stage: KeptFloat = field(default_factory=KeptFloat)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Statistics of the activations on ``samples`` samples, by the index of the tensor."""

    samples: int
    activations: dict[int, Activation]
    last_stages: LastStages


class TfliteConverter:
    """See :class:`ca_deploy.formats.Converter`."""

    def __init__(self, network: "Network") -> None:
        self._network, self._signature = network.converted, network.signature
        self._float_models: dict[tuple[Any, ...], tuple[bytes, tuple[tuple[str, ...], ...], Lowering]] = {}

    def convert(self, conversion: Conversion, step: Step) -> TfliteModel:
        recipe = conversion.recipe
        camera = recipe.io == "uint8rgb"
        step("converting with litert-torch")
        rules = rules_for(conversion.lowering, recipe.format, recipe.arithmetic)
        key = (camera, conversion.batch, rules.forms)
        if key not in self._float_models:
            self._float_models[key] = self._float_model(conversion, rules)
        content, modules, lowering = self._float_models[key]
        model = flatbuffer.read(content)
        overrides = overridden(recipe, dict(zip(_results(model), modules, strict=True)))
        if recipe.mode != "float32":
            conversion.float32_path.write_bytes(self._finished(content))
        return TfliteModel(model, content, camera, conversion.batch, overrides, lowering, rules.padding)

    def _finished(self, content: bytes) -> bytes:
        """A float model with the head that this format adds, if there is one."""
        if self._signature.suppression is None:
            return content
        model = flatbuffer.read(content)
        with_detections(model, self._signature)
        return flatbuffer.write(model)

    def calibrate(self, model: TfliteModel, samples: Samples, recipe: ExportRecipe) -> Calibrated:
        fed = self._fed(samples, model)
        watched = flatbuffer.activations(model.flatbuffer)
        stages = last_stages(model.flatbuffer)
        names = {index: flatbuffer.tensor_name(model.flatbuffer, index) for index in watched}
        scales = {index: stages.scales[name] for index, name in names.items() if name in stages.scales}
        seen = observe(model.content, fed, watched, cores(), scales)
        return Calibrated(len(samples), seen, stages)

    def ranges(self, model: TfliteModel, seen: Calibrated, recipe: ExportRecipe) -> Ranges:
        ranges = activation_ranges(model.flatbuffer, seen.activations, recipe)
        if model.camera:
            ranges[self._network.signature.inputs[0].name] = RGB_RANGE
        return ranges

    def apply(
        self,
        model: TfliteModel,
        recipe: ExportRecipe,
        seen: Calibrated | None,
        ranges: Ranges | None,
        step: Step,
    ) -> TfliteModel:
        if recipe.computes_in_float16:
            return model  # LiteRT 1.4 converts 16-bit weights anew for each inference
        content, last = model.content, KeptFloat()
        if seen is not None and ranges is not None:
            bits = {name: override.activation_bits for name, override in model.overrides.items()}
            last = seen.last_stages.kept_float(recipe, seen.samples, bits)
            kept_float = {*(name for name, found in bits.items() if found == "float"), *last.reasons}
            correct_biases(model.flatbuffer, seen.activations, ranges, kept_float)
            content = flatbuffer.write(model.flatbuffer)
        step("quantising with ai-edge-quantizer")
        quantised, gaps = quantise(content, recipe, ranges, model.overrides, last.reasons.keys())
        notes = (*last.notes, *_not_in_16_bits(quantised, model.overrides))
        return replace(model, flatbuffer=quantised, notes=notes, gaps=gaps, last_stage=last)

    def write(self, model: TfliteModel, conversion: Conversion) -> Converted:
        recipe, written = conversion.recipe, model.flatbuffer
        stayed_float = tuple(_stayed_float(written, recipe, model)) if recipe.is_integer else ()
        lowering = model.lowering
        if model.padding == "flat":
            lowering = replace(lowering, flat_pads=flat_padding(written))
        if model.camera:
            take_uint8(written)
        self._name(written)
        added = with_detections(written, self._signature)
        notes = model.notes
        if recipe.computes_in_float16:
            allow_float16(written)
            notes = (*notes, _IN_FLOAT16)
        conversion.path.write_bytes(flatbuffer.write(written))
        graph = written.subgraphs[0]
        return Converted(
            inputs=tuple(
                flatbuffer.tensor_spec(written, index, "NHWC" if taken.preprocessing else "other", not model.camera)
                for index, taken in zip(graph.inputs, self._network.signature.inputs, strict=True)
            ),
            outputs=tuple(flatbuffer.tensor_spec(written, index) for index in graph.outputs),
            operators=flatbuffer.operator_histogram(written),
            tools={tool: version(tool) for tool in _TOOLS},
            float_operators=(*stayed_float, *added) if recipe.is_integer else (),
            notes=notes,
            float32_path=conversion.float32_path if recipe.mode != "float32" else None,
            lowering=lowering,
        )

    def _float_model(self, conversion: Conversion, rules: Rules) -> tuple[bytes, tuple[tuple[str, ...], ...], Lowering]:
        """The float model, which the recipes of a network share, the PyTorch modules of each operator, and how its
        attention is written."""
        camera = conversion.recipe.io == "uint8rgb"
        converted = convert(self._network, camera, conversion.batch, rules, conversion.examples)
        self._name(converted.flatbuffer)
        return flatbuffer.write(converted.flatbuffer), converted.modules, converted.lowering

    def _name(self, model: Any) -> None:
        signature = self._network.signature
        flatbuffer.name_inputs_and_outputs(
            model, [taken.name for taken in signature.inputs], [given.name for given in signature.outputs]
        )

    def _fed(self, samples: Samples, model: TfliteModel) -> "Iterator[list[NDArray[Any]]]":
        """Batch by batch, the float model's inputs in their order."""
        signature = self._network.signature
        fed = samples if model.camera else signature.to_network(samples)
        types = [flatbuffer.dtype(model.flatbuffer, index) for index in model.flatbuffer.subgraphs[0].inputs]
        for rows in fed.batches(model.batch):
            yield [
                _to_model(taken, rows[taken.name], model.camera).astype(dtype, copy=False)
                for taken, dtype in zip(signature.inputs, types, strict=True)  # litert-torch makes int32 of int64
            ]


def _to_model(taken: NetworkInput, values: "NDArray[Any]", camera: bool) -> "NDArray[Any]":
    if camera:
        return values.astype(np.float32)
    return values if taken.preprocessing is None else np.ascontiguousarray(np.moveaxis(values, 1, -1))


def _results(model: Any) -> list[str]:
    """The name of the output tensor of each operator."""
    return [flatbuffer.tensor_name(model, operator.outputs[0]) for operator in model.subgraphs[0].operators]


def _stayed_float(written: Any, recipe: ExportRecipe, model: TfliteModel) -> list[FloatOperator]:
    """Operators that compute in float in an integer file, with reasons, most frequent first."""
    found: Counter[tuple[str, str]] = Counter()
    for operator in flatbuffer.float_operators(written):
        name = flatbuffer.operator_name(written, operator)
        result = flatbuffer.tensor_name(written, operator.outputs[0])
        override = model.overrides.get(result)
        if override is not None and override.activation_bits == "float":
            reason = kept_float_because(override.match)
        elif result in model.last_stage.reasons:
            reason = model.last_stage.reasons[result]
        elif name in model.gaps:
            reason = model.gaps[name]
        elif recipe.mode == "dynamic":
            if name in flatbuffer.WEIGHTED:
                continue  # float input and output, but INT8 arithmetic
            reason = "dynamic recipes only quantise operators with weights; a static recipe quantises this one too"
        elif recipe.activation_bits == 16:
            reason = f"ai-edge-quantizer has no INT16 {name}, so values are converted before and after it"
        else:
            reason = f"ai-edge-quantizer has no INT{recipe.activation_bits} {name}"
        found[name, reason] += 1
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [FloatOperator(name, count, reason) for (name, reason), count in ordered]


def _not_in_16_bits(model: Any, overrides: Mapping[str, LayerOverride]) -> tuple[str, ...]:
    """Notes on operators for which a ``[[layer]]`` requests 16 bits, but which the quantizer left in INT8."""
    names = Counter(
        flatbuffer.operator_name(model, operator)
        for operator in model.subgraphs[0].operators
        if (override := overrides.get(flatbuffer.tensor_name(model, operator.outputs[0])))
        and override.activation_bits == 16
        and flatbuffer.dtype(model, operator.outputs[0]) == "int8"
    )
    return tuple(
        f"{count} x {name} stayed in INT8, where [[layer]] has activation_bits = 16: ai-edge-quantizer has no INT16 "
        f"{name}."
        for name, count in names.most_common()
    )
