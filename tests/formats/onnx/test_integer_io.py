"""Files that take and give int8."""

from pathlib import Path

import onnxruntime as ort
import pytest
from torch import nn

from ca_deploy.errors import ModelError
from ca_deploy.recipes import load_recipe
from tests.formats.kit import export
from tests.formats.onnx.kit import SIZE, Export, as_network, photos


def test_int8_io_says_how_to_feed_it(exported: Export) -> None:
    converted, path = exported("onnx_static_wi8_ai8_int8_io")
    for spec in (*converted.inputs, *converted.outputs):
        assert spec.dtype == "int8"
        assert spec.scale is not None and spec.scale > 0
        assert spec.zero_point is not None and -128 <= spec.zero_point <= 127
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert (session.get_inputs()[0].type, session.get_outputs()[0].type) == ("tensor(int8)", "tensor(int8)")


def test_int8_io_is_refused_where_the_first_operation_stays_float(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Hardswish(), nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 4))
    with pytest.raises(ModelError, match="first operation"):
        recipe = load_recipe("onnx_static_wi8_ai8_int8_io")
        export(as_network(module), recipe, tmp_path / "h.onnx", photos(2, 2))
