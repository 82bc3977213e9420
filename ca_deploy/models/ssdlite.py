"""SSDLite (arXiv 1801.04381, section 6.2) on MobileNetV2 with any of its attention blocks."""

import math
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from ca_deploy.models.attention import Attention
from ca_deploy.models.key_layout import KeyLayout
from ca_deploy.models.layers import conv_bn
from ca_deploy.models.mobilenet_v2 import InvertedResidual, MobileNetV2
from ca_deploy.records.boxes import AnchorMap, BoxCoding

_INPUT_SIZE = 320
_TAPPED = 14  # the first block of stride 32: its expansion is the last map of stride 16
_EXTRAS = (512, 256, 256, 128)
# TensorFlow's ssdlite_mobilenet_v2_coco: six maps from 0.2 to 0.95 of the input, and three anchors on the first.
_SCALES = tuple(0.2 + 0.15 * number for number in range(6))
_RATIOS = (1.0, 2.0, 1 / 2, 3.0, 1 / 3)


def _depthwise(channels: int, stride: int = 1) -> list[nn.Module]:
    return [*conv_bn(channels, channels, 3, stride, groups=channels), nn.ReLU6()]


def _pointwise(inputs: int, outputs: int) -> list[nn.Module]:
    return [*conv_bn(inputs, outputs), nn.ReLU6()]


def _extra(inputs: int, outputs: int) -> nn.Sequential:
    """Half the resolution: 1x1 to half the channels, and a separable 3x3 of stride 2."""
    middle = outputs // 2
    return nn.Sequential(*_pointwise(inputs, middle), *_depthwise(middle, 2), *_pointwise(middle, outputs))


def _head(channels: int, values: int) -> nn.Sequential:
    return nn.Sequential(*_depthwise(channels), nn.Conv2d(channels, values, 1))


def _anchor_sizes(level: int) -> tuple[tuple[float, float], ...]:
    """(width, height) of the anchors in a cell of one map, as parts of the input's."""
    scale, following = _SCALES[level], (*_SCALES, 1.0)[level + 1]
    first = ((0.1, 1.0), (scale, 2.0), (scale, 1 / 2))
    scales = (*((scale, ratio) for ratio in _RATIOS), (math.sqrt(scale * following), 1.0)) if level else first
    return tuple((one * math.sqrt(ratio), one / math.sqrt(ratio)) for one, ratio in scales)


class SSDLite(nn.Module):
    """Detector: images ``(N, 3, 320, 320)`` -> offsets to anchors ``(N, anchors, 4)`` and logits ``(N, anchors, 1 +
    classes)``.

    Its six maps are the expansion of block 14 (stride 16), the last features (stride 32), and four extra ones. The
    first logit is the background. ``box_coding`` says how boxes are made of the offsets.

    Args:
        num_classes: without the background.
        width: channel multiplier of the backbone.
        attention: of the backbone's blocks; see :class:`~ca_deploy.models.mobilenet_v2.MobileNetV2`.
        reduction: the reduction ratio r of the attention blocks; None is that of the paper's tables.
    """

    foreign_layouts: ClassVar[tuple[KeyLayout, ...]] = MobileNetV2.foreign_layouts
    new_modules: ClassVar[tuple[str, ...]] = ("attention", "classifier", "extras", "box_heads", "class_heads")

    def __init__(
        self,
        num_classes: int = 80,
        width: float = 1.0,
        attention: Attention | None = "ca",
        reduction: int | None = None,
    ) -> None:
        super().__init__()
        self.classes = num_classes
        self.features = MobileNetV2(1, width, attention, reduction).features
        tapped = (f"{_TAPPED}.expand.0", f"{len(self.features) - 1}.0")
        channels = [cast(nn.Conv2d, self.features.get_submodule(name)).out_channels for name in tapped]
        self.extras = nn.ModuleList()
        for outputs in _EXTRAS:
            self.extras.append(_extra(channels[-1], outputs))
            channels.append(outputs)
        sides = [_INPUT_SIZE // 16]
        while len(sides) < len(channels):
            sides.append((sides[-1] + 1) // 2)
        sizes = [_anchor_sizes(level) for level in range(len(channels))]
        self.box_coding = BoxCoding(
            anchors=tuple(AnchorMap(side, side, found) for side, found in zip(sides, sizes, strict=True))
        )
        pairs = [(count, len(found)) for count, found in zip(channels, sizes, strict=True)]
        self.box_heads = nn.ModuleList(_head(count, 4 * anchors) for count, anchors in pairs)
        self.class_heads = nn.ModuleList(_head(count, (1 + num_classes) * anchors) for count, anchors in pairs)
        self._initialise()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        maps = self._maps(x)
        if tuple(x.shape[2:]) != (_INPUT_SIZE, _INPUT_SIZE):
            raise ValueError(
                f"its anchors are those of images of {_INPUT_SIZE}x{_INPUT_SIZE} px: --input-size {_INPUT_SIZE}"
            )
        boxes = [self._by_anchor(head(one), 4) for head, one in zip(self.box_heads, maps, strict=True)]
        scores = [
            self._by_anchor(head(one), 1 + self.classes) for head, one in zip(self.class_heads, maps, strict=True)
        ]
        return {"boxes": torch.cat(boxes, 1), "scores": torch.cat(scores, 1)}

    def _maps(self, x: Tensor) -> list[Tensor]:
        block = cast(InvertedResidual, self.features[_TAPPED])
        tapped: Tensor = block.expand(self.features[:_TAPPED](x))
        maps = [tapped, self.features[_TAPPED + 1 :](block.project(block.attention(block.depthwise(tapped))))]
        for extra in self.extras:
            maps.append(extra(maps[-1]))
        return maps

    @staticmethod
    def _by_anchor(values: Tensor, each: int) -> Tensor:
        """``(N, anchors in a cell * each, H, W)`` -> ``(N, anchors, each)``."""
        return values.permute(0, 2, 3, 1).reshape(len(values), -1, each)

    def _initialise(self) -> None:
        """SSD's: normal(0, 0.03) in what is not of the backbone."""
        for part in (self.extras, self.box_heads, self.class_heads):
            for module in part.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.normal_(module.weight, 0, 0.03)
                    if module.bias is not None:
                        nn.init.zeros_(module.bias)


def ssdlite320_mobilenet_v2(num_classes: int = 80, width: float = 1.0) -> SSDLite:
    """SSDLite320 on MobileNetV2 without attention; the 80 classes of COCO by default."""
    return SSDLite(num_classes, width, attention=None)


def ssdlite320_mobilenet_v2_ca(num_classes: int = 80, width: float = 1.0) -> SSDLite:
    """SSDLite320 on MobileNetV2 with Coordinate Attention, r = 32; the 80 classes of COCO by default."""
    return SSDLite(num_classes, width, attention="ca")


def ssdlite320_mobilenet_v2_se(num_classes: int = 80, width: float = 1.0) -> SSDLite:
    """SSDLite320 on MobileNetV2 with squeeze and excitation, r = 24; the 80 classes of COCO by default."""
    return SSDLite(num_classes, width, attention="se")


def ssdlite320_mobilenet_v2_cbam(num_classes: int = 80, width: float = 1.0) -> SSDLite:
    """SSDLite320 on MobileNetV2 with CBAM, r = 24; the 80 classes of COCO by default."""
    return SSDLite(num_classes, width, attention="cbam")
