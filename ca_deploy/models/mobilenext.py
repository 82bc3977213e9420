"""MobileNeXt (Zhou et al., ECCV 2020, arXiv 2007.02269), as its authors released it, plain or with attention."""

from typing import ClassVar

from torch import Tensor, nn

from ca_deploy.models.attention import Attention, attention_block
from ca_deploy.models.key_layout import KeyLayout
from ca_deploy.models.layers import conv_bn, initialise, make_divisible

# reduction of the bottleneck, output channels, repeats, stride of the first (MobileNeXt paper, table 3)
STAGES = (
    (2, 96, 1, 2),
    (6, 144, 1, 1),
    (6, 192, 3, 2),
    (6, 288, 3, 2),
    (6, 384, 4, 1),
    (6, 576, 4, 2),
    (6, 960, 3, 1),
    (6, 1280, 1, 1),
)
_CA_REDUCTION = 24  # no ratio gives the paper's 4.09M; this is the closest


class Sandglass(nn.Module):
    """depthwise 3x3 -> attention -> reduce 1x1 -> expand 1x1 -> depthwise 3x3, ``(N, C, H, W)`` in and out.

    The first block of a stage with several has no depthwise convolution before the reduction, and so no attention;
    without a stride it has none behind it either. Only a block that keeps its channels has a shortcut.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        ratio: int,
        is_alone: bool,
        attention: Attention | None,
        reduction: int | None,
    ) -> None:
        super().__init__()
        bottleneck = inputs // ratio
        if bottleneck < outputs / 6:
            bottleneck = make_divisible(-(-outputs // 6), 16)
        changes = inputs != outputs and not is_alone
        self.residual = inputs == outputs and not is_alone
        self.depthwise = (
            nn.Identity() if changes else nn.Sequential(*conv_bn(inputs, inputs, 3, groups=inputs), nn.ReLU6())
        )
        self.attention = attention_block(None if changes else attention, inputs, reduction)
        self.reduce = nn.Sequential(*conv_bn(inputs, bottleneck))
        self.expand = nn.Sequential(*conv_bn(bottleneck, outputs), nn.ReLU6())
        ends_here = changes and stride == 1
        self.project = nn.Identity() if ends_here else nn.Sequential(*conv_bn(outputs, outputs, 3, stride, outputs))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.expand(self.reduce(self.attention(self.depthwise(x)))))
        return x + y if self.residual else y


def _authors() -> KeyLayout:
    """Their block is one flat ``conv`` with activations numbered too, so that the first layers shift the others."""
    rules = []
    number = 0
    for ratio, _, repeats, _ in STAGES:
        for repeat in range(repeats):
            number += 1
            changes = repeat == 0 and repeats > 1 and ratio != 2
            places = {"reduce": 0, "expand": 2, "project": 5}
            if not changes:
                places = {"depthwise": 0} | {name: place + 3 for name, place in places.items()}
            for name, place in places.items():
                for layer in range(2):
                    found = rf"^features\.{number}\.conv\.{place + layer}\."
                    rules.append((found, rf"features.{number}.{name}.{layer}."))
    return KeyLayout("authors' MobileNeXt", tuple(rules))


class MobileNeXt(nn.Module):
    """Classifier: images ``(N, 3, S, S)`` -> logits ``(N, num_classes)``; S a multiple of 32 is usual.

    Args:
        num_classes: number of logits.
        width: channel multiplier.
        attention: the block after the first depthwise convolution (:mod:`ca_deploy.models.attention`), or None.
        reduction: the reduction ratio r of the attention blocks; None is that of the paper's tables.
        dropout: probability before the classifier.
    """

    foreign_layouts: ClassVar[tuple[KeyLayout, ...]] = (_authors(),)

    def __init__(
        self,
        num_classes: int = 1000,
        width: float = 1.0,
        attention: Attention | None = None,
        reduction: int | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        channels = make_divisible(32 * width)
        features: list[nn.Module] = [nn.Sequential(*conv_bn(3, channels, 3, stride=2), nn.ReLU6())]
        for ratio, base, repeats, first_stride in STAGES:
            outputs = make_divisible(base * width) if base < 1280 else max(1280, make_divisible(base * width))
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                is_alone = repeats == 1
                features.append(Sandglass(channels, outputs, stride, ratio, is_alone, attention, reduction))
                channels = outputs
        self.features = nn.Sequential(*features)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, num_classes))
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.classifier(self.pool(self.features(x)).flatten(1))
        return y


def mobilenext(num_classes: int = 1000, width: float = 1.0) -> MobileNeXt:
    """MobileNeXt without attention: 3,535,416 parameters at width 1 and 1000 classes."""
    return MobileNeXt(num_classes, width)


def mobilenext_se(num_classes: int = 1000, width: float = 1.0) -> MobileNeXt:
    """MobileNeXt with squeeze and excitation, r = 24."""
    return MobileNeXt(num_classes, width, attention="se")


def mobilenext_ca(num_classes: int = 1000, width: float = 1.0) -> MobileNeXt:
    """MobileNeXt with Coordinate Attention, r = 24."""
    return MobileNeXt(num_classes, width, attention="ca", reduction=_CA_REDUCTION)
