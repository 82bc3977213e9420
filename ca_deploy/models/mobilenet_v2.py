"""MobileNetV2 (arXiv 1801.04381), plain or with an attention block where the authors of Coordinate Attention put it."""

from typing import ClassVar, Literal

from torch import Tensor, nn

from ca_deploy.models.attention import Attention, attention_block
from ca_deploy.models.key_layout import KeyLayout
from ca_deploy.models.layers import conv_bn, initialise, make_divisible
from ca_deploy.models.mobilenet_v2_keys import AUTHORS_CA, AUTHORS_PLAIN, TIMM, TORCHVISION

# expansion, output channels, repeats, stride of the first (MobileNetV2 paper, table 2)
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
    """expand 1x1 -> depthwise 3x3 -> attention -> project 1x1, ``(N, C, H, W)`` in and out.

    As in the authors' ``mbv2_ca.py``, a block without expansion has no attention.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        expansion: int,
        attention: Attention | None,
        reduction: int | None,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.expand = nn.Identity() if expansion == 1 else nn.Sequential(*conv_bn(inputs, hidden), nn.ReLU6())
        self.depthwise = nn.Sequential(*conv_bn(hidden, hidden, 3, stride, hidden, dilation), nn.ReLU6())
        self.attention = attention_block(attention if expansion != 1 else None, hidden, reduction)
        self.project = nn.Sequential(*conv_bn(hidden, outputs))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.attention(self.depthwise(self.expand(x))))
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    """Classifier: images ``(N, 3, S, S)`` -> logits ``(N, num_classes)``; S a multiple of 32 is usual.

    Args:
        num_classes: number of logits.
        width: channel multiplier (0.5, 0.75 and 1.0 are in the paper).
        attention: the block in the 16 inverted residuals with expansion (:mod:`ca_deploy.models.attention`), or None.
        reduction: the reduction ratio r of the attention blocks; None is that of the paper's tables.
        dropout: probability before the classifier.
        output_stride: pixels of the image per cell of the last map: 32, or 16 or 8 for dense prediction. Strides that
            would exceed it become 1, and the convolutions behind them dilated (arXiv 1706.05587, section 3.1).
    """

    foreign_layouts: ClassVar[tuple[KeyLayout, ...]] = (AUTHORS_CA, AUTHORS_PLAIN, TORCHVISION, TIMM)

    def __init__(
        self,
        num_classes: int = 1000,
        width: float = 1.0,
        attention: Attention | None = "ca",
        reduction: int | None = None,
        dropout: float = 0.1,
        output_stride: Literal[8, 16, 32] = 32,
    ) -> None:
        super().__init__()
        channels = make_divisible(32 * width)
        reached, dilation = 2, 1
        features: list[nn.Module] = [nn.Sequential(*conv_bn(3, channels, 3, stride=2), nn.ReLU6())]
        for expansion, base, repeats, first_stride in STAGES:
            outputs = make_divisible(base * width)
            for repeat in range(repeats):
                wanted = first_stride if repeat == 0 else 1
                stride = wanted if reached * wanted <= output_stride else 1
                features.append(InvertedResidual(channels, outputs, stride, expansion, attention, reduction, dilation))
                reached *= stride
                dilation *= wanted // stride
                channels = outputs
        last = make_divisible(1280 * max(1.0, width))
        features.append(nn.Sequential(*conv_bn(channels, last), nn.ReLU6()))
        self.features = nn.Sequential(*features)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, num_classes))
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.classifier(self.pool(self.features(x)).flatten(1))
        return y


def mobilenet_v2(num_classes: int = 1000, width: float = 1.0) -> MobileNetV2:
    """MobileNetV2 without attention: 3,504,872 parameters at width 1 and 1000 classes."""
    return MobileNetV2(num_classes, width, attention=None)


def mobilenet_v2_ca(num_classes: int = 1000, width: float = 1.0) -> MobileNetV2:
    """MobileNetV2 with Coordinate Attention, r = 32: 3,950,648 parameters at width 1 and 1000 classes."""
    return MobileNetV2(num_classes, width, attention="ca")


def mobilenet_v2_ca_r16(num_classes: int = 1000, width: float = 1.0) -> MobileNetV2:
    """MobileNetV2 with Coordinate Attention, r = 16."""
    return MobileNetV2(num_classes, width, attention="ca", reduction=16)


def mobilenet_v2_ca_x(num_classes: int = 1000, width: float = 1.0) -> MobileNetV2:
    """MobileNetV2 with the ablation that averages along X: one gate per row, r = 24."""
    return MobileNetV2(num_classes, width, attention="ca_x")


def mobilenet_v2_ca_y(num_classes: int = 1000, width: float = 1.0) -> MobileNetV2:
    """MobileNetV2 with the ablation that averages along Y: one gate per column, r = 24."""
    return MobileNetV2(num_classes, width, attention="ca_y")


def mobilenet_v2_se(num_classes: int = 1000, width: float = 1.0) -> MobileNetV2:
    """MobileNetV2 with squeeze and excitation, r = 24."""
    return MobileNetV2(num_classes, width, attention="se")


def mobilenet_v2_cbam(num_classes: int = 1000, width: float = 1.0) -> MobileNetV2:
    """MobileNetV2 with CBAM, r = 24."""
    return MobileNetV2(num_classes, width, attention="cbam")
