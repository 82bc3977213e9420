"""Network -> TFLite file: the whole story."""

import os
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ca_deploy.errors import RecipeError, UsageError
from ca_deploy.formats.tflite.bias_correction import correct_biases
from ca_deploy.formats.tflite.camera_input import RGB_RANGE, take_uint8
from ca_deploy.formats.tflite.convert import convert
from ca_deploy.formats.tflite.quantise import quantise
from ca_deploy.formats.tflite.ranges import Ranges, activation_ranges
from ca_deploy.formats.tflite.statistics import observe
from ca_deploy.graphs import flatbuffer
from ca_deploy.records.conversion import Converted, FloatOperator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ca_deploy.networks.source import Network
    from ca_deploy.records.recipe import ExportRecipe

_TOOLS = ("torch", "litert-torch", "ai-edge-quantizer", "ai-edge-litert")


def export(
    network: "Network",
    recipe: "ExportRecipe",
    calibration: "NDArray[np.uint8] | None",
    path: Path,
    dynamic_batch: bool,
    step: Callable[[str], None],
) -> Converted:
    """Write ``path``; see :class:`ca_deploy.formats.Exporter`.

    Raises:
        UsageError: ``dynamic_batch``, which TFLite files do not offer.
        RecipeError: a static recipe without calibration images.
        ModelError: the network cannot be converted or quantised.
    """
    if dynamic_batch:
        raise UsageError(
            "--dynamic-batch is not possible with --format tflite: a TFLite graph has fixed shapes. Leave it out; an "
            "app resizes the input (Interpreter.resize_tensor_input) where a runtime allows it."
        )
    camera = recipe.io == "uint8rgb"
    step("converting with litert-torch")
    content = _float_model(network, camera)
    model = flatbuffer.read(content)
    float32_path = None
    if recipe.mode != "float32":
        float32_path = path.with_name(f"{path.stem}.float32.tflite")
        float32_path.write_bytes(content)
        ranges: Ranges | None = None
        if recipe.needs_calibration:
            if calibration is None:
                raise RecipeError(f"{recipe.name} needs calibration images. Pass them with --calibration.")
            step(f"calibrating on {len(calibration)} images")
            images = (_feed(network, image, camera) for image in calibration)
            seen = observe(content, images, flatbuffer.activations(model), threads=os.cpu_count() or 1)
            ranges = activation_ranges(model, seen, recipe)
            if camera:
                ranges["image"] = RGB_RANGE
            correct_biases(model, seen, ranges)
            content = flatbuffer.write(model)
        step("quantising with ai-edge-quantizer")
        model = quantise(content, recipe, ranges)
    if camera:
        take_uint8(model)
    flatbuffer.name_input_and_output(model)
    path.write_bytes(flatbuffer.write(model))
    graph = model.subgraphs[0]
    return Converted(
        inputs=(flatbuffer.tensor_spec(model, graph.inputs[0], "NHWC", normalised=not camera),),
        outputs=(flatbuffer.tensor_spec(model, graph.outputs[0], "NC"),),
        operators=flatbuffer.operator_histogram(model),
        tools={tool: version(tool) for tool in _TOOLS},
        float_operators=_stayed_float(model, recipe) if recipe.is_integer else (),
        float32_path=float32_path,
    )


@lru_cache(maxsize=2)
def _float_model(network: "Network", camera: bool) -> bytes:
    """What all recipes of a network begin with."""
    return flatbuffer.write(convert(network, normalise=camera))


def _feed(network: "Network", rgb: "NDArray[np.uint8]", camera: bool) -> "NDArray[np.float32]":
    """uint8 RGB ``(S, S, 3)`` -> what the float model takes, of the same shape."""
    if camera:
        return rgb.astype(np.float32)
    return np.ascontiguousarray(network.preprocessing.normalise(rgb).transpose(1, 2, 0))


def _stayed_float(model: Any, recipe: "ExportRecipe") -> tuple[FloatOperator, ...]:
    """What computes in float although the recipe is an integer one, and why."""
    found = []
    for name, count in flatbuffer.float_operators(model).items():
        if recipe.mode == "dynamic":
            if name in flatbuffer.WEIGHTED:
                continue  # float in and out, but computed in INT8
            reason = "dynamic recipes quantise operators that have weights; a static recipe takes this one too"
        elif recipe.activation_bits == 16:
            reason = f"ai-edge-quantizer has no INT16 {name}; it costs a conversion before and after it"
        else:
            reason = f"ai-edge-quantizer has no INT{recipe.activation_bits} {name}"
        found.append(FloatOperator(name, count, reason))
    return tuple(found)
