"""Checkpoints of timm, torchvision and MobileNeXt's authors load strictly, and compute what their networks compute."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from ca_deploy.models.efficientnet import efficientnet_b0
from ca_deploy.models.mobilenet_v2 import mobilenet_v2
from ca_deploy.models.mobilenext import mobilenext
from ca_deploy.networks.checkpoint import load_weights, read_checkpoint
from tests.models.foreign import AuthorsMobileNeXt, Timm, TorchvisionEfficientNetB0, with_random_weights

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("build", "theirs", "layout", "keys"),
    [
        (
            mobilenet_v2,
            lambda: Timm(7, "mobilenetv2_100"),
            "timm",
            ["conv_stem.weight", "blocks.0.0.conv_pw.weight", "blocks.6.0.bn3.running_var", "conv_head.weight"],
        ),
        (
            efficientnet_b0,
            lambda: Timm(7, "efficientnet_b0"),
            "timm",
            ["blocks.0.0.se.conv_reduce.bias", "blocks.5.3.conv_pwl.weight", "bn2.bias", "classifier.bias"],
        ),
        (
            efficientnet_b0,
            lambda: TorchvisionEfficientNetB0(7),
            "torchvision",
            ["features.1.0.block.1.fc1.weight", "features.6.3.block.2.fc2.bias", "features.8.1.bias"],
        ),
        (
            mobilenext,
            lambda: AuthorsMobileNeXt(7),
            "authors' MobileNeXt",
            [
                "features.1.conv.9.weight",
                "features.3.conv.6.bias",
                "features.9.conv.3.bias",
                "features.20.conv.8.weight",
            ],
        ),
    ],
    ids=["timm mobilenetv2_100", "timm efficientnet_b0", "torchvision efficientnet_b0", "MobileNeXt"],
)
@torch.inference_mode()
def test_a_foreign_checkpoint_loads_and_computes_the_same(
    build: Callable[[int], nn.Module], theirs: Callable[[], nn.Module], layout: str, keys: list[str], tmp_path: Path
) -> None:
    network = with_random_weights(theirs())
    assert set(keys) <= network.state_dict().keys()
    torch.save(network.state_dict(), tmp_path / "theirs.pth")
    ours = build(7).eval()
    assert load_weights(ours, read_checkpoint(tmp_path / "theirs.pth")).layout == layout
    expected = network(IMAGES)
    assert (expected[0] - expected[1]).abs().max() > 1e-3 * expected.abs().max()  # the answers depend on the images
    torch.testing.assert_close(ours(IMAGES), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
