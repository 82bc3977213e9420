"""Networks from image to image in miniature: segmentation, super-resolution, style, depth, matting."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.zoo.attention import CoordAtt
from tests.zoo.parts import conv, settled

IMAGE = (3, 32, 32)


class UNet(nn.Module):
    """U-Net (arXiv 1505.04597) with Coordinate Attention in its bridge, ``(N, 3, H, W)`` -> ``(N, 4, H, W)``."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.down, self.deep = conv(3, 8), nn.MaxPool2d(2), nn.Sequential(conv(8, 16), CoordAtt(16))
        self.up, self.last = nn.ConvTranspose2d(16, 8, 2, 2), nn.Sequential(conv(16, 8), conv(8, 4, 1, act=nn.Identity))

    def forward(self, x: Tensor) -> Tensor:
        wide = self.first(x)
        y: Tensor = self.last(torch.cat([wide, self.up(self.deep(self.down(wide)))], 1))
        return y


class UNetOdd(UNet):
    """The same for sides that are odd: the decoder's map is padded to the encoder's."""

    def forward(self, x: Tensor) -> Tensor:
        wide = self.first(x)
        y = self.up(self.deep(self.down(wide)))
        missing_h, missing_w = wide.shape[2] - y.shape[2], wide.shape[3] - y.shape[3]
        y = functional.pad(y, [missing_w // 2, missing_w - missing_w // 2, missing_h // 2, missing_h - missing_h // 2])
        found: Tensor = self.last(torch.cat([wide, y], 1))
        return found


class DeepLab(nn.Module):
    """DeepLabV3 (arXiv 1706.05587): dilated branches, an image's average, bilinear upsampling to the image's size."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(3, 8, 3, 2), conv(8, 16, 3, 2))
        self.branches = nn.ModuleList([conv(16, 8, 1), conv(16, 8, dilation=2), conv(16, 8, dilation=3)])
        self.average = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 8, 1), nn.ReLU())
        self.head = nn.Sequential(conv(32, 8, 1), conv(8, 3, 1, act=nn.Identity))

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        size = y.shape[-2:]
        average = functional.interpolate(self.average(y), size=size, mode="bilinear", align_corners=False)
        y = self.head(torch.cat([*(branch(y) for branch in self.branches), average], 1))
        return functional.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)


class ArgMax(DeepLab):
    """Its classes instead of scores, as apps that draw a mask want them: an int64 map ``(N, H, W)``."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).argmax(1)


class PixelShuffle(nn.Module):
    """ESPCN (arXiv 1609.05158): twice the resolution by a pixel shuffle, ``(N, 3, H, W)`` -> ``(N, 3, 2H, 2W)``."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 5, padding=2), nn.Tanh(), nn.Conv2d(8, 12, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.body(x), 2)


class Upscaled(nn.Module):
    """A residual on the image enlarged by scale factor (VDSR, arXiv 1511.04587), corners aligned, values clamped."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.PReLU(8), nn.Conv2d(8, 3, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        large = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)
        return torch.clamp(large + self.body(large), -3.0, 3.0)


class Bicubic(Upscaled):
    """The same with bicubic interpolation."""

    def forward(self, x: Tensor) -> Tensor:
        large = functional.interpolate(x, scale_factor=2.0, mode="bicubic", align_corners=False)
        return torch.clamp(large + self.body(large), -3.0, 3.0)


class Style(nn.Module):
    """Fast style transfer (arXiv 1603.08155): reflection padding, instance norms, nearest upsampling, a tanh."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.ReflectionPad2d(4), nn.Conv2d(3, 8, 9), nn.InstanceNorm2d(8, affine=True), nn.ReLU()
        )
        self.deep = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(8, 12, 3, 2), nn.InstanceNorm2d(12, affine=True), nn.ReLU()
        )
        self.up = nn.Sequential(nn.UpsamplingNearest2d(scale_factor=2), nn.ReflectionPad2d(1), nn.Conv2d(12, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.up(self.deep(self.down(x))))


class FastDepth(nn.Module):
    """FastDepth (arXiv 1903.03273): depthwise transposed convolutions, and one positive map by softplus."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(conv(3, 8, 3, 2), conv(8, 16, 3, 2))
        self.up = nn.Sequential(
            nn.ConvTranspose2d(16, 16, 4, 2, 1, groups=16, bias=False),
            conv(16, 8, 1),
            nn.ConvTranspose2d(8, 8, 3, 2, 1, output_padding=1, groups=8),
        )
        self.head = conv(8, 1, 1, act=nn.Softplus)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.up(self.down(x)))
        return y


class Decoder(nn.Module):
    """A decoder as of DCGAN (arXiv 1511.06434): batch norms after transposed convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(conv(3, 8, 3, 2), conv(8, 16, 3, 2))
        self.up = nn.Sequential(
            nn.ConvTranspose2d(16, 8, 2, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.ConvTranspose2d(8, 3, 4, 2, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.up(self.down(x))
        return y


class Matting(nn.Module):
    """A refiner of mattes: an image with its rough mask in four channels gives a mask by sigmoid, ``(N, 1, H, W)``."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(4, 8, 3, 2), conv(8, 8), conv(8, 4, 1, act=nn.Identity), nn.PixelShuffle(2), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return y


class LrAspp(nn.Module):
    """LR-ASPP of MobileNetV3 (arXiv 1905.02244): a strided average pool as gate, two scales added."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = conv(3, 8, 3, 2, act=nn.Hardswish), conv(8, 16, 3, 2, act=nn.Hardswish)
        self.branch = conv(16, 12, 1)
        self.gate = nn.Sequential(nn.AvgPool2d(5, (2, 3), padding=1), nn.Conv2d(16, 12, 1), nn.Sigmoid())
        self.low_head, self.high_head = nn.Conv2d(8, 3, 1), nn.Conv2d(12, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        low = self.low(x)
        high = self.high(low)
        y = self.branch(high) * functional.interpolate(self.gate(high), high.shape[2:], mode="bilinear")
        y = functional.interpolate(y, size=low.shape[2:], mode="bilinear", align_corners=False)
        return functional.interpolate(self.low_head(low) + self.high_head(y), scale_factor=2, mode="nearest")


def unet() -> nn.Module:
    return settled(UNet, IMAGE)


def unet_odd() -> nn.Module:
    return settled(UNetOdd, (3, 33, 65))


def deeplab() -> nn.Module:
    return settled(DeepLab, IMAGE)


def argmax() -> nn.Module:
    return settled(ArgMax, IMAGE)


def pixel_shuffle() -> nn.Module:
    return settled(PixelShuffle, IMAGE)


def upscaled() -> nn.Module:
    return settled(Upscaled, IMAGE)


def bicubic() -> nn.Module:
    return settled(Bicubic, IMAGE)


def style() -> nn.Module:
    return settled(Style, IMAGE)


def fast_depth() -> nn.Module:
    return settled(FastDepth, IMAGE)


def decoder() -> nn.Module:
    return settled(Decoder, IMAGE)


def matting() -> nn.Module:
    return settled(Matting, (4, 32, 32))


def lr_aspp() -> nn.Module:
    return settled(LrAspp, (3, 32, 64))
