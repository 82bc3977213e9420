"""Bias correction for the mean error of rounded weights (Nagel et al. 2019, arXiv 1906.04721, section 4.2).

Rounding changes the weights by ``E``, so the mean output of a layer shifts by ``E * mean(input)``. The mean input is a
whole feature map, so padded borders are exact. Subtracting the shift from the bias costs nothing at run time.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from coremltools.converters.mil.mil import Builder as mb
from coremltools.converters.mil.mil import types
from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
from coremltools.converters.mil.mil.passes.helper import block_context_manager

from ca_deploy.formats.coreml.statistics import WEIGHTED
from ca_deploy.mil.executor import Executor
from ca_deploy.mil.operations import operations
from ca_deploy.mil.program import Name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ca_deploy.formats.coreml.statistics import Activation


def bias_shifts(
    original: Executor, compressed: Executor, seen: "Mapping[str, Activation]"
) -> "dict[str, NDArray[np.float32]]":
    """The shift of the mean of each output channel, by the name of the layer.

    ``original`` and ``compressed`` are the same program before and after its weights were compressed; ``seen`` are
    statistics of the activations of the former.
    """
    twins = {operation.name: operation for operation in compressed.program.operations}
    shifts = {}
    for layer in original.program.operations:
        if layer.kind not in WEIGHTED or layer.name not in twins or not isinstance(layer.inputs["x"], Name):
            continue
        before, after = (
            e.constant(o.inputs["weight"]) for e, o in ((original, layer), (compressed, twins[layer.name]))
        )
        if before is None or after is None or np.array_equal(before, after):
            continue
        error = torch.from_numpy(after.astype(np.float32) - before.astype(np.float32))
        settings: dict[str, Any] = original.settings(layer)
        moved = operations()[layer.kind](seen[layer.inputs["x"].name].mean(), error, **settings)
        channels = -1 if layer.kind == "linear" else 1  # a linear layer may also have tokens, (N, tokens, C)
        shifts[layer.name] = moved.movedim(channels, 0).flatten(1).mean(1).numpy()
    return shifts


class ShiftBiases(AbstractGraphPass):
    """Subtracts the shifts from the biases; a layer without a bias gets one."""

    def __init__(self, shifts: "Mapping[str, NDArray[np.float32]]") -> None:
        self._shifts = shifts

    def apply(self, prog: Any) -> None:
        for function in prog.functions.values():
            self._shift(function)

    @block_context_manager
    def _shift(self, block: Any) -> None:
        for op in list(block.operations):
            if op.name not in self._shifts:
                continue
            bias = op.inputs.get("bias")
            dtype = np.float16 if op.x.dtype == types.fp16 else np.float32
            before = 0 if bias is None else bias.val.astype(np.float32)
            corrected = mb.const(val=(before - self._shifts[op.name]).astype(dtype), before_op=op)
            arguments = {**op.inputs, "bias": corrected}
            new = getattr(mb, op.op_type)(**arguments, name=op.name, before_op=op)
            block.replace_uses_of_var_after_op(anchor_op=op, old_var=op.outputs[0], new_var=new)
            block.remove_ops([op])
