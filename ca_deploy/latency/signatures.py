"""The functions of a file that are measured: one for most files, each signature of a .tflite that has several."""

import struct
from pathlib import Path


def signatures_of(file: Path) -> tuple[str | None, ...]:
    """The keys of the signatures in the order of the file, where it has several; else ``(None,)``: its main graph."""
    if file.suffix.lower() != ".tflite":
        return (None,)
    from ai_edge_litert import schema_py_generated as schema

    try:
        model = schema.Model.GetRootAs(file.read_bytes())
        found = [model.SignatureDefs(index).SignatureKey() for index in range(model.SignatureDefsLength())]
        keys = [key.decode() for key in found if key is not None]
    except (struct.error, ValueError, TypeError, IndexError, OverflowError):
        return (None,)  # damaged: the runtime says how
    return tuple(dict.fromkeys(keys)) if len(set(keys)) > 1 else (None,)
