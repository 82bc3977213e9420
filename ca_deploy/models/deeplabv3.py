"""DeepLabV3 (arXiv 1706.05587) on MobileNetV2, as in the paper of Coordinate Attention (section 4.4)."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ca_deploy.models.attention import Attention
from ca_deploy.models.key_layout import KeyLayout
from ca_deploy.models.layers import conv_bn
from ca_deploy.models.mobilenet_v2 import MobileNetV2

# Dilations of the three 3x3 convolutions, by output stride.
RATES = {16: (6, 12, 18), 8: (12, 24, 36)}
_WIDTH = 256


def _conv_bn_relu(inputs: int, kernel: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(*conv_bn(inputs, _WIDTH, kernel, dilation=dilation), nn.ReLU())


class AtrousSpatialPyramid(nn.Module):
    """Maps ``(N, C, H, W)`` seen at four scales and as a whole -> ``(N, 256, H, W)``.

    The paper concatenates the mean of the maps, repeated over H and W, to the other branches before it projects them.
    Here the mean is projected on its own and added: the same function without a repeated map.
    """

    def __init__(self, inputs: int, rates: tuple[int, int, int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [_conv_bn_relu(inputs), *(_conv_bn_relu(inputs, kernel=3, dilation=rate) for rate in rates)]
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.pooled = _conv_bn_relu(inputs)
        self.project = nn.Conv2d(_WIDTH * len(self.branches), _WIDTH, 1, bias=False)
        self.project_pooled = nn.Conv2d(_WIDTH, _WIDTH, 1, bias=False)
        self.norm = nn.Sequential(nn.BatchNorm2d(_WIDTH), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        maps = self.project(torch.cat([branch(x) for branch in self.branches], dim=1))
        y: Tensor = self.norm(maps + self.project_pooled(self.pooled(self.pool(x))))
        return y


class DeepLabV3(nn.Module):
    """Segmenter: images ``(N, 3, H, W)`` -> logits ``(N, num_classes, H / s, W / s)`` at output stride s, rounded up.

    Args:
        backbone: its features at stride s are used, without its last 1x1 convolution and its classifier.
        num_classes: number of classes, the background among them.
        output_stride: s, of the backbone; it sets the dilations.
        dropout: probability before the classifier.
    """

    foreign_layouts: ClassVar[tuple[KeyLayout, ...]] = MobileNetV2.foreign_layouts
    # Of the backbone's: what comes after its features.
    new_modules: ClassVar[tuple[str, ...]] = ("attention", "features.18", "pyramid", "classifier")

    def __init__(
        self, backbone: MobileNetV2, num_classes: int = 21, output_stride: Literal[8, 16] = 16, dropout: float = 0.1
    ) -> None:
        super().__init__()
        *features, last = backbone.features
        self.features = nn.Sequential(*features)
        inputs = next(module.in_channels for module in last.modules() if isinstance(module, nn.Conv2d))
        self.pyramid = AtrousSpatialPyramid(inputs, RATES[output_stride])
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Conv2d(_WIDTH, num_classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.classifier(self.pyramid(self.features(x)))
        return y


def _deeplabv3(num_classes: int, width: float, attention: Attention | None, stride: Literal[8, 16] = 16) -> DeepLabV3:
    return DeepLabV3(MobileNetV2(1, width, attention, output_stride=stride), num_classes, stride)


def deeplabv3_mobilenet_v2(num_classes: int = 21, width: float = 1.0) -> DeepLabV3:
    """Output stride 16, no attention."""
    return _deeplabv3(num_classes, width, None)


def deeplabv3_mobilenet_v2_se(num_classes: int = 21, width: float = 1.0) -> DeepLabV3:
    """Output stride 16, squeeze and excitation."""
    return _deeplabv3(num_classes, width, "se")


def deeplabv3_mobilenet_v2_cbam(num_classes: int = 21, width: float = 1.0) -> DeepLabV3:
    """Output stride 16, CBAM."""
    return _deeplabv3(num_classes, width, "cbam")


def deeplabv3_mobilenet_v2_ca(num_classes: int = 21, width: float = 1.0) -> DeepLabV3:
    """Output stride 16, Coordinate Attention."""
    return _deeplabv3(num_classes, width, "ca")


def deeplabv3_mobilenet_v2_s8(num_classes: int = 21, width: float = 1.0) -> DeepLabV3:
    """Output stride 8, no attention."""
    return _deeplabv3(num_classes, width, None, 8)


def deeplabv3_mobilenet_v2_se_s8(num_classes: int = 21, width: float = 1.0) -> DeepLabV3:
    """Output stride 8, squeeze and excitation."""
    return _deeplabv3(num_classes, width, "se", 8)


def deeplabv3_mobilenet_v2_cbam_s8(num_classes: int = 21, width: float = 1.0) -> DeepLabV3:
    """Output stride 8, CBAM."""
    return _deeplabv3(num_classes, width, "cbam", 8)


def deeplabv3_mobilenet_v2_ca_s8(num_classes: int = 21, width: float = 1.0) -> DeepLabV3:
    """Output stride 8, Coordinate Attention."""
    return _deeplabv3(num_classes, width, "ca", 8)
