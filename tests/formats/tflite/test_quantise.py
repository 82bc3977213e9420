"""A static INT8 file is integer throughout."""

from pathlib import Path

import pytest

from ca_deploy.graphs import flatbuffer
from ca_deploy.records.conversion import Converted
from tests.formats.tflite.kit import RECIPES

STATIC_INT8 = [name for name in RECIPES if name.startswith("tflite_static_wi8_ai8")]


@pytest.mark.parametrize("name", STATIC_INT8)
def test_static_int8_leaves_nothing_float(name: str, exported: dict[str, tuple[Path, Converted]]) -> None:
    path, converted = exported[name]
    assert converted.float_operators == ()
    model = flatbuffer.read(path.read_bytes())
    tensors = model.subgraphs[0].tensors
    gates = [o for o in model.subgraphs[0].operators if flatbuffer.operator_name(model, o) == "LOGISTIC"]
    assert len(gates) == 2
    assert {float(tensors[gate.outputs[0]].quantization.scale[0]) for gate in gates} == {1 / 256}
