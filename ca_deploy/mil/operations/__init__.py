"""What each MIL operation computes. A module here has a table ``OPERATIONS``: name in MIL -> function.

A function takes the operation's inputs by their names in MIL: tensors as float32 ``torch.Tensor``, axes, shapes and
paddings as tuples, single numbers as they are. ``constants`` holds the compressed weights, which are unpacked once.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

Kernel = Callable[..., Any]


@functools.cache
def operations() -> Mapping[str, Kernel]:
    """All operations that the executor runs."""
    found: dict[str, Kernel] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name != "constants":
            found |= importlib.import_module(f"{__name__}.{module.name}").OPERATIONS
    return found


@functools.cache
def constant_operations() -> Mapping[str, Kernel]:
    """Those that make a weight from its compressed form."""
    found: dict[str, Kernel] = importlib.import_module(f"{__name__}.constants").OPERATIONS
    return found
