"""Weights as indices into tables of 16 values, one table per eight output channels (iOS 18).

A scale per channel with one table would be more exact, but coremltools 9 turns such scales into one table per channel,
which makes the file larger than one with tables of 64 values.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from coremltools.converters.mil.mil import Builder as mb
from coremltools.converters.mil.mil import types
from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
from coremltools.converters.mil.mil.passes.helper import block_context_manager
from coremltools.models.neural_network.quantization_utils import _get_kmeans_lookup_table_and_weight

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BITS, _CHANNELS = 4, 8


def lookup_table(weight: "NDArray[Any]", bits: int) -> "tuple[NDArray[Any], NDArray[np.uint8]]":
    """The table ``(2**bits,)`` and the flat indices, by exact one-dimensional k-means (arXiv 1701.07204).

    coremltools' own mode uses scikit-learn for small weights, which finds a local optimum.
    """
    table, indices = _get_kmeans_lookup_table_and_weight(bits, weight.reshape(-1), force_kmeans1d=True)
    return table.astype(weight.dtype), indices.astype(np.uint8)


class GroupedTables(AbstractGraphPass):
    """Compresses weights of at least ``fewest`` values, except depthwise ones: they are small, and lose accuracy."""

    def __init__(self, fewest: int) -> None:
        self._fewest = fewest

    def apply(self, prog: Any) -> None:
        for function in prog.functions.values():
            self._compress(function)

    @block_context_manager
    def _compress(self, block: Any) -> None:
        for op in list(block.operations):
            if op.op_type != "const" or op.outputs[0].rank < 2 or op.outputs[0].val.size < self._fewest:
                continue
            layers = op.outputs[0].child_ops
            if not layers or not all(layer.op_type in ("conv", "linear") for layer in layers):
                continue
            if any(layer.op_type == "conv" and layer.groups.val > 1 for layer in layers):
                continue
            weight = op.outputs[0].val
            groups = np.split(weight, len(weight) // math.gcd(len(weight), _CHANNELS))
            tables, indices = zip(*(lookup_table(group, _BITS) for group in groups), strict=True)
            new = mb.constexpr_lut_to_dense(
                indices=np.concatenate(indices).reshape(weight.shape).astype(types.nptype_from_builtin(types.uint4)),
                lut=np.stack(tables).reshape(len(groups), *[1] * (weight.ndim - 1), -1, 1),
                name=f"{op.name}_palettized",
                before_op=op,
            )
            block.replace_uses_of_var_after_op(
                anchor_op=op, old_var=op.outputs[0], new_var=new, no_check_var_types=True
            )
            block.remove_ops([op])
