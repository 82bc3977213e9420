"""MobileNetV2 (arXiv 1801.04381), plain or with Coordinate Attention as in the authors' code."""

from typing import ClassVar, Literal

from torch import Tensor, nn

from ca_deploy.models.coord_attention import CoordAttention
from ca_deploy.models.key_layout import KeyLayout

Attention = Literal["ca"]

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

# The authors number activations too: conv.0 conv, .1 norm, .2 ReLU6, .3 conv, .4 norm, ... Their first
# block has no expansion, so its indices start at the depthwise convolution.
_AUTHORS_COMMON = (
    (r"^features\.1\.conv\.([01])\.", r"features.1.depthwise.\1."),
    (r"^features\.1\.conv\.3\.", r"features.1.project.0."),
    (r"^features\.1\.conv\.4\.", r"features.1.project.1."),
    (r"^features\.(\d+)\.conv\.([01])\.", r"features.\1.expand.\2."),
    (r"^features\.(\d+)\.conv\.3\.", r"features.\1.depthwise.0."),
    (r"^features\.(\d+)\.conv\.4\.", r"features.\1.depthwise.1."),
    (r"^conv\.([01])\.", r"features.18.\1."),
    (r"^classifier\.(\d\.)?(weight|bias)$", r"classifier.1.\2"),
)
AUTHORS_CA = KeyLayout(
    "authors' mbv2_ca.py",
    (
        # mbv2_ca.py calls the H branch conv2 and the W branch conv3; coordatt.py calls them conv_h and conv_w.
        (r"^features\.(\d+)\.conv\.6\.conv2\.", r"features.\1.attention.conv_h."),
        (r"^features\.(\d+)\.conv\.6\.conv3\.", r"features.\1.attention.conv_w."),
        (r"^features\.(\d+)\.conv\.6\.", r"features.\1.attention."),
        (r"^features\.(\d+)\.conv\.7\.", r"features.\1.project.0."),
        (r"^features\.(\d+)\.conv\.8\.", r"features.\1.project.1."),
        *_AUTHORS_COMMON,
    ),
)
AUTHORS_PLAIN = KeyLayout(
    "authors' plain mobilenetv2.py",
    (
        (r"^features\.(\d+)\.conv\.6\.", r"features.\1.project.0."),
        (r"^features\.(\d+)\.conv\.7\.", r"features.\1.project.1."),
        *_AUTHORS_COMMON,
    ),
)
TORCHVISION = KeyLayout(
    "torchvision",
    (
        (r"^features\.1\.conv\.0\.([01])\.", r"features.1.depthwise.\1."),
        (r"^features\.1\.conv\.1\.", r"features.1.project.0."),
        (r"^features\.1\.conv\.2\.", r"features.1.project.1."),
        (r"^features\.(\d+)\.conv\.0\.([01])\.", r"features.\1.expand.\2."),
        (r"^features\.(\d+)\.conv\.1\.([01])\.", r"features.\1.depthwise.\2."),
        (r"^features\.(\d+)\.conv\.2\.", r"features.\1.project.0."),
        (r"^features\.(\d+)\.conv\.3\.", r"features.\1.project.1."),
    ),
)


def _make_divisible(channels: float, divisor: int = 8) -> int:
    """Round to a multiple of ``divisor``, never down by more than 10 % (TF-Slim's rule)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def _conv_bn(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


class InvertedResidual(nn.Module):
    """expand 1x1 -> depthwise 3x3 -> attention -> project 1x1, ``(N, C, H, W)`` in and out.

    As in the authors' ``mbv2_ca.py``, a block without expansion has no attention.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int, expansion: int, attention: Attention | None, reduction: int
    ) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.expand = nn.Identity() if expansion == 1 else nn.Sequential(*_conv_bn(inputs, hidden), nn.ReLU6())
        self.depthwise = nn.Sequential(*_conv_bn(hidden, hidden, 3, stride, groups=hidden), nn.ReLU6())
        attends = attention is not None and expansion != 1
        self.attention = CoordAttention(hidden, reduction) if attends else nn.Identity()
        self.project = nn.Sequential(*_conv_bn(hidden, outputs))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.attention(self.depthwise(self.expand(x))))
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    """Classifier: images ``(N, 3, S, S)`` -> logits ``(N, num_classes)``; S a multiple of 32 is usual.

    Args:
        num_classes: number of logits.
        width: channel multiplier (0.5, 0.75 and 1.0 are in the paper).
        attention: ``"ca"`` for Coordinate Attention in the 16 blocks with expansion, or None.
        reduction: the reduction ratio r of the attention blocks.
        dropout: probability before the classifier.
    """

    foreign_layouts: ClassVar[tuple[KeyLayout, ...]] = (AUTHORS_CA, AUTHORS_PLAIN, TORCHVISION)

    def __init__(
        self,
        num_classes: int = 1000,
        width: float = 1.0,
        attention: Attention | None = "ca",
        reduction: int = 32,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        channels = _make_divisible(32 * width)
        features: list[nn.Module] = [nn.Sequential(*_conv_bn(3, channels, 3, stride=2), nn.ReLU6())]
        for expansion, base, repeats, first_stride in STAGES:
            outputs = _make_divisible(base * width)
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                features.append(InvertedResidual(channels, outputs, stride, expansion, attention, reduction))
                channels = outputs
        last = _make_divisible(1280 * max(1.0, width))
        features.append(nn.Sequential(*_conv_bn(channels, last), nn.ReLU6()))
        self.features = nn.Sequential(*features)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, num_classes))
        self._initialise()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.classifier(self.pool(self.features(x)).flatten(1))
        return y

    def _initialise(self) -> None:
        """The authors' initialisation: He for convolutions, normal(0, 0.01) for the classifier."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
                nn.init.zeros_(module.bias)


def mobilenet_v2_ca(num_classes: int = 1000, width: float = 1.0) -> MobileNetV2:
    """MobileNetV2 with Coordinate Attention, r = 32: 3,950,648 parameters at width 1 and 1000 classes."""
    return MobileNetV2(num_classes, width, attention="ca")


def mobilenet_v2(num_classes: int = 1000, width: float = 1.0) -> MobileNetV2:
    """MobileNetV2 without attention: 3,504,872 parameters at width 1 and 1000 classes."""
    return MobileNetV2(num_classes, width, attention=None)
