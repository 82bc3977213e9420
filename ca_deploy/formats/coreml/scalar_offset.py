"""An offset behind a linear layer with one result, in a form that coremltools fuses into the layer."""

from typing import Any

import numpy as np
from coremltools.converters.mil.mil import Builder as mb
from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
from coremltools.converters.mil.mil.passes.helper import block_context_manager
from coremltools.converters.mil.mil.passes.pass_registry import register_pass

PASS = "ca_deploy::scalar_offset_as_vector"


@register_pass(namespace="ca_deploy")
class scalar_offset_as_vector(AbstractGraphPass):
    """coremltools 9 takes the offset for a vector: "IndexError: tuple index out of range" in ``fuse_linear_bias``."""

    def apply(self, prog: Any) -> None:
        for function in prog.functions.values():
            self._rewrite(function)

    @block_context_manager
    def _rewrite(self, block: Any) -> None:
        for op in list(block.operations):
            if op.op_type not in ("add", "sub"):
                continue
            for key, other in (("x", op.y), ("y", op.x)):
                value = getattr(op, key).val
                if value is None or np.ndim(value) or other.op is None or other.op.op_type != "linear":
                    continue
                vector = mb.const(val=np.reshape(value, (1,)), before_op=op)
                new = getattr(mb, op.op_type)(**{**op.inputs, key: vector}, name=op.name, before_op=op)
                block.replace_uses_of_var_after_op(anchor_op=op, old_var=op.outputs[0], new_var=new)
                block.remove_ops([op])
                break
