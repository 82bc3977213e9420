"""INT8 graphs: where the scales are, and no file that is INT8 in name only."""

from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from torch import nn

from ca_deploy.errors import ModelError
from ca_deploy.recipes import load_recipe
from tests.formats.kit import export
from tests.formats.onnx.kit import Export, as_network, photos


def test_static_int8_is_signed_and_per_channel(exported: Export) -> None:
    converted, path = exported("onnx_static_wi8_ai8")
    graph = onnx.load(path).graph
    constants = {constant.name: constant for constant in graph.initializer}
    produced = {name: node for node in graph.node for name in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 6  # the one that both branches of attention share is there twice
    for node in convolutions:
        image, weight = (produced[name] for name in node.input[:2])
        assert image.op_type == weight.op_type == "DequantizeLinear"
        assert constants[weight.input[0]].data_type == TensorProto.INT8
        assert constants[weight.input[1]].dims == constants[weight.input[0]].dims[:1]
        assert constants[image.input[2]].data_type == TensorProto.INT8
    assert (converted.inputs[0].dtype, converted.outputs[0].dtype) == ("float32", "float32")


def test_sigmoid_gates_have_a_fixed_scale(exported: Export) -> None:
    graph = onnx.load(exported("onnx_static_wi8_ai8")[1]).graph
    constants = {value.name: numpy_helper.to_array(value).item() for value in graph.initializer if not value.dims}
    for gate in (node.output[0] for node in graph.node if node.op_type == "Sigmoid"):
        quantise = next(node for node in graph.node if gate in node.input)
        assert [constants[name] for name in quantise.input[1:]] == [1 / 256, -128]


@pytest.mark.parametrize("recipe", ["onnx_static_wi8_ai8", "onnx_dynamic_wi8_afp32"])
def test_a_file_that_would_silently_stay_float_is_refused(recipe: str, tmp_path: Path) -> None:
    class Exponential(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.exp().mean((1, 2))

    with pytest.raises(ModelError, match="Nothing in this network could be quantised"):
        export(as_network(Exponential()), load_recipe(recipe), tmp_path / "e.onnx", photos(2, 2))
