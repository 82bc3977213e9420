"""The kernels of MIL operations. Each module here has a table ``OPERATIONS``: MIL name -> function.

A function takes the operation's inputs by their MIL names: tensors as float32 ``torch.Tensor``, axes, shapes and
paddings as tuples, scalars as Python numbers. ``constants`` has the operations that decompress weights.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

Kernel = Callable[..., Any]


@functools.cache
def operations() -> Mapping[str, Kernel]:
    """All operations that run per inference."""
    found: dict[str, Kernel] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name != "constants":
            found |= importlib.import_module(f"{__name__}.{module.name}").OPERATIONS
    return found


@functools.cache
def constant_operations() -> Mapping[str, Kernel]:
    """The operations that decompress a weight, once per program."""
    found: dict[str, Kernel] = importlib.import_module(f"{__name__}.constants").OPERATIONS
    return found
