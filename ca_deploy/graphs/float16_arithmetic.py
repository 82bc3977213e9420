"""Lets XNNPACK compute a float file in float16, by metadata that LiteRT reads.

The delegate then takes float16 kernels on processors that compute in it, ARMv8.2 and later, and float32 kernels on all
others (``reduced_precision_metadata.h`` and ``xnnpack_delegate.cc`` of TensorFlow Lite).
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

_KEY = b"reduced_precision_support"
_FLOAT16 = b"fp16accfp16"  # inference and accumulation; XNNPACK wants both


def allow_float16(model: Any) -> None:
    """Add the metadata."""
    entry = schema.MetadataT()
    entry.name, entry.buffer = _KEY, len(model.buffers)
    model.buffers.append(schema.BufferT(data=np.frombuffer(_FLOAT16, np.uint8)))
    model.metadata = [*(model.metadata or ()), entry]


def allows_float16(model: Any) -> bool:
    """Whether a model has it."""
    named = [entry for entry in model.metadata or () if entry.name == _KEY]
    return any(bytes(model.buffers[entry.buffer].data) == _FLOAT16 for entry in named)
