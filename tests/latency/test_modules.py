"""Operators find their way back to PyTorch modules."""

from pathlib import Path

import onnx

from ca_deploy.latency.modules import align, block_of, is_attention, modules_of
from ca_deploy.latency.runner_output import OperatorSamples


def test_blocks_end_at_attention_or_after_three_names() -> None:
    assert block_of("features.2.attention.conv_h") == "features.2.attention"
    assert block_of("features.2.depthwise.0.conv") == "features.2.depthwise"
    assert block_of("classifier") == "classifier"
    assert is_attention("backbone.layer3.se.fc1")
    assert is_attention("blocks.1.coordatt.conv1")
    assert not is_attention("features.2.case.conv")


def test_fused_and_added_operators_find_no_partner() -> None:
    nodes = ["QUANTIZE", "PAD", "CONV_2D", "DEPTHWISE_CONV_2D", "MEAN", "HARD_SWISH", "MUL"]
    ran = [
        "Convert (NC)",
        "Convolution (NHWC, QC8) IGEMM",  # the PAD went into it
        "Transpose (ND, X8)",  # added by the runtime
        "Convolution (NHWC, QC8) DWConv",
        "Mean (ND) Reduce",
        "HARD_SWISH",  # outside the delegate: under its own name
        "Multiply (ND)",
    ]
    assert align(nodes, ran) == [0, 2, None, 3, 4, 5, 6]


def test_what_is_of_no_module_is_not_of_the_one_before(tmp_path: Path) -> None:
    """As a mean in the network's own forward, after attention; what the runtime added belongs to the one before."""
    nodes = [
        onnx.helper.make_node("Sigmoid", ["image"], ["a"], name="block.attention/Sigmoid"),
        onnx.helper.make_node("ReduceMean", ["a"], ["b"], name="ReduceMean"),
        onnx.helper.make_node("Relu", ["b"], ["c"], name="head/Relu"),
    ]
    shapes = [onnx.helper.make_tensor_value_info(name, 1, (1, 4)) for name in ("image", "c")]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", shapes[:1], shapes[1:])), tmp_path / "a.onnx")
    ran = ("block.attention/Sigmoid", "Transpose_token_7", "ReduceMean", "head/Relu")
    operators = [OperatorSamples(name, "", ()) for name in ran]
    assert modules_of(tmp_path / "a.onnx", operators) == ["block.attention", "block.attention", "", "head"]
