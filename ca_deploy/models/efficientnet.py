"""EfficientNet-B0 (Tan and Le, ICML 2019, arXiv 1905.11946), with its squeeze and excitation or with another block."""

from collections.abc import Iterator
from typing import ClassVar

from torch import Tensor, nn

from ca_deploy.models.attention import Attention, attention_block
from ca_deploy.models.key_layout import KeyLayout
from ca_deploy.models.layers import conv_bn, initialise
from ca_deploy.models.squeeze_excite import SqueezeExcite

# expansion, output channels, repeats, stride of the first, kernel (EfficientNet paper, table 1)
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_SQUEEZED = 4  # the bottleneck of SE is this part of the channels that enter the block, before they are expanded


class MBConv(nn.Module):
    """expand 1x1 -> depthwise -> attention -> project 1x1, ``(N, C, H, W)`` in and out; SiLU between them."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, expansion: int, kernel: int, attention: Attention, reduction: int
    ) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.expand = nn.Identity() if expansion == 1 else nn.Sequential(*conv_bn(inputs, hidden), nn.SiLU())
        self.depthwise = nn.Sequential(*conv_bn(hidden, hidden, kernel, stride, groups=hidden), nn.SiLU())
        self.attention = (
            SqueezeExcite(hidden, max(1, inputs // _SQUEEZED), nn.SiLU())
            if attention == "se"
            else attention_block(attention, hidden, reduction)
        )
        self.project = nn.Sequential(*conv_bn(hidden, outputs))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.attention(self.depthwise(self.expand(x))))
        return x + y if self.residual else y


def _of_torchvision() -> Iterator[tuple[str, str]]:
    """One ``block`` per MBConv, whose parts are numbered; the first stage has no expansion."""
    for first, stages in ((0, "1"), (1, "[2-7]")):
        of = rf"^features\.({stages})\.(\d+)\.block\."
        if first:
            yield of + r"0\.", r"features.\1.\2.expand."
        yield of + rf"{first}\.", r"features.\1.\2.depthwise."
        yield of + rf"{first + 1}\.", r"features.\1.\2.attention."
        yield of + rf"{first + 2}\.", r"features.\1.\2.project."


def _of_timm() -> Iterator[tuple[str, str]]:
    """``blocks`` count from 0, and the first stage calls its projection ``conv_pw``."""
    yield r"^conv_stem\.", r"features.0.0."
    yield r"^bn1\.", r"features.0.1."
    yield r"^conv_head\.", r"features.8.0."
    yield r"^bn2\.", r"features.8.1."
    yield r"^classifier\.", r"classifier.1."
    for stage in range(len(STAGES)):
        names = ("depthwise", "project") if stage == 0 else ("expand", "depthwise", "project")
        convolutions = ("conv_dw", "conv_pw") if stage == 0 else ("conv_pw", "conv_dw", "conv_pwl")
        block = rf"^blocks\.{stage}\.(\d+)\."
        for norm, (name, convolution) in enumerate(zip(names, convolutions, strict=True), start=1):
            yield rf"{block}{convolution}\.", rf"features.{stage + 1}.\1.{name}.0."
            yield rf"{block}bn{norm}\.", rf"features.{stage + 1}.\1.{name}.1."
        yield rf"{block}se\.conv_reduce\.", rf"features.{stage + 1}.\1.attention.fc1."
        yield rf"{block}se\.conv_expand\.", rf"features.{stage + 1}.\1.attention.fc2."


class EfficientNetB0(nn.Module):
    """Classifier: images ``(N, 3, S, S)`` -> logits ``(N, num_classes)``; S a multiple of 32 is usual.

    The stochastic depth of its training is left out: it is not a part of the deployed network.

    Args:
        num_classes: number of logits.
        attention: ``"se"`` as in its paper, or the block in its place (:mod:`ca_deploy.models.attention`).
        reduction: the reduction ratio r of other blocks than SE.
        dropout: probability before the classifier.
    """

    foreign_layouts: ClassVar[tuple[KeyLayout, ...]] = (
        KeyLayout("torchvision", tuple(_of_torchvision())),
        KeyLayout("timm", tuple(_of_timm())),
    )

    def __init__(
        self, num_classes: int = 1000, attention: Attention = "se", reduction: int = 32, dropout: float = 0.2
    ) -> None:
        super().__init__()
        channels = 32
        features = [nn.Sequential(*conv_bn(3, channels, 3, stride=2), nn.SiLU())]
        for expansion, outputs, repeats, first_stride, kernel in STAGES:
            stage = []
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                stage.append(MBConv(channels, outputs, stride, expansion, kernel, attention, reduction))
                channels = outputs
            features.append(nn.Sequential(*stage))
        features.append(nn.Sequential(*conv_bn(channels, 1280), nn.SiLU()))
        self.features = nn.Sequential(*features)
        self.pool = nn.AdaptiveAvgPool2d(1)
        last = nn.Linear(1280, num_classes)
        self.classifier = nn.Sequential(nn.Dropout(dropout), last)
        initialise(self)
        nn.init.uniform_(last.weight, -(num_classes**-0.5), num_classes**-0.5)  # as in its authors' TensorFlow code

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.classifier(self.pool(self.features(x)).flatten(1))
        return y


def efficientnet_b0(num_classes: int = 1000) -> EfficientNetB0:
    """EfficientNet-B0 with its squeeze and excitation: 5,288,548 parameters at 1000 classes."""
    return EfficientNetB0(num_classes)


def efficientnet_b0_ca(num_classes: int = 1000) -> EfficientNetB0:
    """EfficientNet-B0 with Coordinate Attention in place of squeeze and excitation."""
    return EfficientNetB0(num_classes, attention="ca")
