"""Network -> ``.onnx``: the whole story."""

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes.common import TopologicalSortPass

from ca_deploy.errors import RecipeError
from ca_deploy.formats.onnx.bias_correction import correct_biases
from ca_deploy.formats.onnx.calibrate import activation_ranges
from ca_deploy.formats.onnx.camera_input import take_camera_rgb
from ca_deploy.formats.onnx.convert import to_onnx
from ca_deploy.formats.onnx.float16 import to_float16
from ca_deploy.formats.onnx.integer_io import integer_io
from ca_deploy.formats.onnx.quantise import quantise_dynamic, quantise_static
from ca_deploy.formats.onnx.run_time import float_operators
from ca_deploy.formats.onnx.specs import tensor_specs
from ca_deploy.records.conversion import Converted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ca_deploy.networks.source import Network
    from ca_deploy.records.recipe import ExportRecipe

_TOOLS = ("torch", "onnx", "onnxscript", "onnxruntime")


def export(
    network: "Network",
    recipe: "ExportRecipe",
    calibration: "NDArray[np.uint8] | None",
    path: Path,
    dynamic_batch: bool,
    step: Callable[[str], None],
) -> Converted:
    """See :class:`ca_deploy.formats.Exporter`. The file is self-contained and passes ``onnx.checker``'s full check.

    Raises:
        ModelError: the network has no ONNX form, or nothing in it can be quantised.
        RecipeError: the recipe asks for what ONNX or PyTorch's exporter does not have.
    """
    if recipe.opset is None or recipe.activation_bits == 16:
        raise RecipeError(f"{recipe.name}: ONNX needs an opset, and quantises activations to 8 bits only.")
    step("tracing the network to ONNX")
    model = onnx.load_from_string(_float_model(network, recipe.opset, dynamic_batch))
    normalisation = take_camera_rgb(model, network.preprocessing) if recipe.io == "uint8rgb" else []
    float32_path = None
    if recipe.mode != "float32":
        float32_path = path.with_name(f"{path.stem}.float32.onnx")
        onnx.save(model, float32_path)
    if recipe.mode == "float16":
        step("converting to float16")
        model = to_float16(model)
    elif recipe.mode == "dynamic":
        step("quantising weights")
        model = quantise_dynamic(model)
    elif recipe.mode == "static":
        if calibration is None:
            raise RecipeError(f"{recipe.name} needs calibration images.")
        step(f"calibrating on {len(calibration)} images")
        images = calibration if normalisation else network.preprocessing.normalise(calibration)
        ranges = activation_ranges(model, images, recipe.calibration, recipe.percentile)
        step("quantising weights and activations")
        quantised = quantise_static(model, ranges, keep_float=normalisation)
        correct_biases(quantised, model, images)
        model = quantised
        if recipe.io == "int8":
            integer_io(model)
    step("checking the file")
    model = _sorted(model)
    if recipe.is_integer:
        del model.graph.value_info[:]  # shapes that every reader infers: 2 % of an integer file
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    inputs, outputs = tensor_specs(model, normalised=not normalisation)
    return Converted(
        inputs=inputs,
        outputs=outputs,
        operators=dict(Counter(node.op_type for node in model.graph.node).most_common()),
        tools={tool: version(tool) for tool in _TOOLS},
        float_operators=float_operators(model, set(normalisation)) if recipe.is_integer else (),
        float32_path=float32_path,
    )


@lru_cache(maxsize=2)
def _float_model(network: "Network", opset: int, dynamic_batch: bool) -> bytes:
    """What all recipes of a network begin with."""
    content: bytes = to_onnx(network, opset, dynamic_batch).SerializeToString()
    return content


def _sorted(model: onnx.ModelProto) -> onnx.ModelProto:
    """Producers before consumers, as ONNX demands; ONNX Runtime's tools append their nodes at the end."""
    return ir.to_proto(TopologicalSortPass()(ir.from_proto(model)).model)
