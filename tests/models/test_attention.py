"""SE, CBAM and the ablations of Coordinate Attention compute what their papers define, and stand where they should."""

from collections.abc import Callable
from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ca_deploy.models.attention import Attention, attention_block, open_gates
from ca_deploy.models.axis_attention import AxisAttention
from ca_deploy.models.cbam import Cbam
from ca_deploy.models.mobilenet_v2 import InvertedResidual, MobileNetV2
from ca_deploy.models.squeeze_excite import SqueezeExcite

CHANNELS = 48
KINDS = get_args(Attention)


def dense(conv: nn.Module, x: Tensor) -> Tensor:
    """A 1x1 convolution as the matrix that it is, on vectors ``(N, C)``."""
    return x @ conv.get_parameter("weight").flatten(1).T + conv.get_parameter("bias")


def squeeze_excite(block: SqueezeExcite, x: Tensor) -> Tensor:
    """arXiv 1709.01507, equations 2 to 4."""
    gate = dense(block.fc2, dense(block.fc1, x.mean((2, 3))).relu()).sigmoid()
    return torch.einsum("nchw,nc->nchw", x, gate)


def cbam(block: Cbam, x: Tensor) -> Tensor:
    """arXiv 1807.06521, equations 1 to 3."""

    def perceptron(pooled: Tensor) -> Tensor:
        return dense(block.channel.fc2, dense(block.channel.fc1, pooled).relu())

    x = torch.einsum("nchw,nc->nchw", x, (perceptron(x.mean((2, 3))) + perceptron(x.amax((2, 3)))).sigmoid())
    both = torch.stack([x.amax(1), x.mean(1)], 1)
    norm = block.spatial.bn
    y = F.conv2d(both, block.spatial.conv.weight, padding=3)
    y = F.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
    return torch.einsum("nchw,nhw->nchw", x, y[:, 0].sigmoid())


def one_axis(block: AxisAttention, x: Tensor) -> Tensor:
    """arXiv 2103.02907, equations 4 and 7, or 5 and 8's other factor."""
    rows = block.gate_name == "conv_h"
    gates = []
    for position in (x.mean(3) if rows else x.mean(2)).unbind(2):
        norm = block.bn1
        y = F.batch_norm(
            dense(block.conv1, position), norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
        )
        gates.append(dense(block.get_submodule(block.gate_name), F.hardswish(y)).sigmoid())
    return torch.einsum("nchw,nch->nchw" if rows else "nchw,ncw->nchw", x, torch.stack(gates, 2))


def block_of(kind: Attention) -> nn.Module:
    """With weights and statistics that differ everywhere."""
    torch.manual_seed(0)
    block = attention_block(kind, CHANNELS, reduction=4).eval()
    for key, value in block.state_dict().items():
        if "bn" in key and value.ndim:
            value.uniform_(0.5, 1.5)
    return block


@pytest.mark.parametrize(
    ("kind", "paper"), [("se", squeeze_excite), ("cbam", cbam), ("ca_x", one_axis), ("ca_y", one_axis)]
)
@pytest.mark.parametrize("size", [(5, 9), (1, 1)])
@torch.inference_mode()
def test_the_block_computes_the_papers_equations(
    kind: Attention, paper: Callable[[nn.Module, Tensor], Tensor], size: tuple[int, int]
) -> None:
    block = block_of(kind)
    x = torch.randn(2, CHANNELS, *size)
    torch.testing.assert_close(block(x), paper(block, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_open_gates_are_almost_the_identity_whatever_comes_in(kind: Attention) -> None:
    block = block_of(kind)
    x = torch.randn(1, CHANNELS, 5, 9)
    assert open_gates(block) == 1
    gates = 1 if kind in ("se", "ca_x", "ca_y") else 2
    torch.testing.assert_close(block(x), x * 0.9526**gates, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_blocks_stand_before_the_projection_in_the_sixteen_with_expansion(kind: Attention) -> None:
    with torch.device("meta"):
        network = MobileNetV2(attention=kind, width=0.5)
    blocks = [b for b in network.features if isinstance(b, InvertedResidual)]
    assert [isinstance(block.attention, nn.Identity) for block in blocks] == [True] + [False] * 16
    assert [name for name, _ in blocks[1].named_children()] == ["expand", "depthwise", "attention", "project"]


def test_gates_can_learn_after_they_were_opened() -> None:
    for kind in KINDS:
        block = attention_block(kind, CHANNELS).train()
        open_gates(block)
        block(torch.randn(4, CHANNELS, 6, 5)).square().sum().backward()
        moved = [p for p in block.parameters() if p.grad is not None and p.grad.abs().max() > 1e-6]
        assert moved, kind


def test_an_unknown_block_is_named() -> None:
    with pytest.raises(ValueError, match=r"'eca'.*ca_x.*cbam"):
        attention_block("eca", CHANNELS)  # type: ignore[arg-type]
