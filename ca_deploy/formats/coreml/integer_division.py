"""``//`` on sizes of a traced network as a division of integers.

coremltools 9 converts ``operator.floordiv`` as PyTorch's old ``floor_divide``, by way of float32, which no operation
takes as a size.
"""

from typing import Any

from coremltools.converters.mil.frontend.torch.ops import _get_inputs
from coremltools.converters.mil.frontend.torch.torch_op_registry import register_torch_op
from coremltools.converters.mil.mil import Builder as mb


def divide_sizes_as_integers() -> None:
    """Change coremltools' conversion in this process."""
    register_torch_op(floordiv, override=True)


def floordiv(context: Any, node: Any) -> None:
    """The conversion of ``operator.floordiv``; coremltools finds it by this name."""
    dividend, divisor = _get_inputs(context, node, expected=2)
    context.add(mb.floor_div(x=dividend, y=divisor, name=node.name))
