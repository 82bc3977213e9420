"""Operators find their way back to PyTorch modules."""

from ca_deploy.latency.modules import align, block_of, is_attention


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
