"""Weights in fewer bits, with coremltools: INT8 with a scale per channel, or look-up tables of 16 or 64 values."""

import logging
from typing import TYPE_CHECKING, Any

import coremltools.optimize as cto
import numpy as np
from coremltools.converters.mil.mil import Builder as mb
from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
from coremltools.converters.mil.mil.passes.helper import block_context_manager
from coremltools.models.utils import _apply_graph_pass

from ca_deploy.formats.coreml.palettise import GroupedTables, lookup_table

if TYPE_CHECKING:
    from ca_deploy.records.recipe import ExportRecipe

_FEWEST_VALUES = 512  # smaller weights stay float16: the operation that unpacks them would take more than it saves


def compress_weights(model: Any, recipe: "ExportRecipe") -> Any:
    """A new ``MLModel`` with compressed weights."""
    if recipe.mode == "palettized" and recipe.weight_bits == 4:
        return apply_passes(model, [GroupedTables(_FEWEST_VALUES)])
    if recipe.mode == "palettized":
        bits = recipe.weight_bits or 8
        config = cto.coreml.OpPalettizerConfig(
            mode="custom", lut_function=lambda weight: lookup_table(weight, bits), weight_threshold=_FEWEST_VALUES
        )
        return cto.coreml.palettize_weights(model, cto.coreml.OptimizationConfig(global_config=config))
    linear = cto.coreml.OpLinearQuantizerConfig(
        mode="linear_symmetric", dtype="int8", granularity="per_channel", weight_threshold=_FEWEST_VALUES
    )
    with np.errstate(divide="ignore", invalid="ignore"):  # channels of zeros; see ZeroChannels
        model = cto.coreml.linear_quantize_weights(model, cto.coreml.OptimizationConfig(global_config=linear))
    return apply_passes(model, [ZeroChannels()])


def apply_passes(model: Any, passes: list[Any]) -> Any:
    """Rewrite a converted model as ``coremltools.optimize`` does; coremltools 9 does not export the function."""
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    return _apply_graph_pass(model, passes, skip_model_load=True)


class ZeroChannels(AbstractGraphPass):
    """Sets the scale of all-zero channels to 1: coremltools 9 divides by their largest value, and writes garbage."""

    def apply(self, prog: Any) -> None:
        for function in prog.functions.values():
            self._repair(function)

    @block_context_manager
    def _repair(self, block: Any) -> None:
        for op in list(block.operations):
            stored = {"constexpr_affine_dequantize": "quantized_data", "constexpr_blockwise_shift_scale": "data"}
            if op.op_type not in stored or np.all(op.scale.val):
                continue
            data, scale = op.inputs[stored[op.op_type]].val, op.scale.val
            dead = scale == 0
            shape = scale.shape if scale.ndim == data.ndim else (-1, *[1] * (data.ndim - 1))
            arguments = {
                **op.inputs,
                stored[op.op_type]: np.where(dead.reshape(shape), 0, data).astype(data.dtype),
                "scale": np.where(dead, 1, scale).astype(scale.dtype),
            }
            new = getattr(mb, op.op_type)(**arguments, name=op.name, before_op=op)
            block.replace_uses_of_var_after_op(
                anchor_op=op, old_var=op.outputs[0], new_var=new, force_replace=True, no_check_var_types=True
            )
            block.remove_ops([op])
