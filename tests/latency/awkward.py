"""TFLite files that runners have to take as they are: tokens, strings, outputs of unknown size, two signatures, weights
behind the flatbuffer."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from ca_deploy.graphs import flatbuffer
from tests.tflite_models import Model

BOOL, INT32, INT64, STRING = (getattr(schema.TensorType, name) for name in ("BOOL", "INT32", "INT64", "STRING"))


def tokens(path: Path) -> Path:
    """Looks up three ids in a table of two rows: any other id is out of bounds."""
    model = Model("float32")
    ids = model.input((3,))
    model._tensors[ids].type = INT32
    model.add("GATHER", [model.weights((2, 4)), ids], (3, 4), options=schema.GatherOptionsT())
    return model.save(path)


def strings(path: Path) -> Path:
    """Two strings, in the other order."""
    model = Model("float32")
    texts = model.input((2,))
    swapped = model.add("GATHER", [texts, model.integers(1, 0)], (2,), options=schema.GatherOptionsT())
    model._tensors[texts].type = model._tensors[swapped].type = STRING
    return model.save(path)


def unknown_size(path: Path) -> Path:
    """The places of those values that are above 0.5; how many there are is known after the run."""
    model = Model("float32")
    limit = model._constant(np.array([0.5], np.float32), (1,))
    above = model.add("GREATER", [model.input((64,)), limit], (64,), options=schema.GreaterOptionsT())
    places = model.add("WHERE", [above], (0, 1), options=schema.WhereOptionsT())
    model._tensors[above].type, model._tensors[places].type = BOOL, INT64
    return model.save(path)


def two_signatures(path: Path) -> Path:
    """``single`` adds two inputs of 1 x 4; ``twice`` those of 1 x 8, and adds the first one again."""
    parts = []
    for size, twice in ((4, False), (8, True)):
        model = Model("float32")
        x, y = model.input((1, size)), model.input((1, size))
        total = model.add("ADD", [x, y], (1, size), options=schema.AddOptionsT())
        if twice:
            model.add("ADD", [total, x], (1, size), options=schema.AddOptionsT())
        parts.append(flatbuffer.read(model.content()))
    first, second = parts
    codes = len(first.operatorCodes)
    for operator in second.subgraphs[0].operators:
        operator.opcodeIndex += codes
    first.operatorCodes += second.operatorCodes
    first.subgraphs.append(second.subgraphs[0])
    first.signatureDefs = [_signature(first, index, key) for index, key in enumerate((b"single", b"twice"))]
    path.write_bytes(flatbuffer.write(first))
    return path


def _signature(model: Any, index: int, key: bytes) -> Any:
    graph, found = model.subgraphs[index], schema.SignatureDefT()
    found.signatureKey, found.subgraphIndex = key, index
    # The names are in the opposite order of the graph's inputs.
    found.inputs = [_named(f"in{9 - number}", tensor) for number, tensor in enumerate(graph.inputs)]
    found.outputs = [_named(f"out{number}", tensor) for number, tensor in enumerate(graph.outputs)]
    return found


def _named(name: str, tensor: int) -> Any:
    found = schema.TensorMapT()
    found.name, found.tensorIndex = name.encode(), tensor
    return found


def weights_behind(path: Path) -> Path:
    """A convolution whose weights lie behind the flatbuffer, as ai-edge-quantizer writes them."""
    model = Model("float32")
    model.conv(model.input((1, 4, 4, 3)), (1, 4, 4, 8), 3)
    inside = flatbuffer.read(model.content())
    data = [bytes(bytearray(buffer.data)) if buffer.data is not None else b"" for buffer in inside.buffers]
    place = 2  # of the first one; a number of the same width stands there until the size of the flatbuffer is known
    for _ in range(2):
        outside, behind = deepcopy(inside), b""
        for buffer, content in zip(outside.buffers, data, strict=True):
            if content:
                behind += bytes(-(place + len(behind)) % 16)
                buffer.data, buffer.offset, buffer.size = None, place + len(behind), len(content)
                behind += content
        front = bytes(flatbuffer_utils.convert_object_to_bytearray(outside))
        place = len(front)
    path.write_bytes(front + behind)
    return path


FILES: dict[str, Callable[[Path], Path]] = {
    made.__name__: made for made in (tokens, strings, unknown_size, two_signatures, weights_behind)
}
