"""Blocks of ca-deploy's own networks, two of each behind a stem; ``(N, 3, 32, 32)`` -> ``(N, 5)``."""

from torch import nn

from ca_deploy.models.attention import Attention
from ca_deploy.models.efficientnet import MBConv
from ca_deploy.models.mobilenet_v2 import InvertedResidual
from ca_deploy.models.mobilenext import Sandglass
from tests.zoo.parts import Classifier, conv, settled


def _inverted(attention: Attention) -> nn.Module:
    def build() -> nn.Module:
        blocks = (InvertedResidual(8, 8, stride, 4, attention, None) for stride in (2, 1))
        return Classifier(nn.Sequential(conv(3, 8, 3, 2, act=nn.ReLU6), *blocks), 8)

    return settled(build, (3, 32, 32))


def inverted_se() -> nn.Module:
    return _inverted("se")


def inverted_cbam() -> nn.Module:
    return _inverted("cbam")


def inverted_ca_y() -> nn.Module:
    return _inverted("ca_y")


def sandglass_ca() -> nn.Module:
    def build() -> nn.Module:
        blocks = Sandglass(16, 48, 2, 2, True, "ca", 24), Sandglass(48, 48, 1, 6, False, "ca", 24)
        return Classifier(nn.Sequential(conv(3, 16, 3, 2, act=nn.ReLU6), *blocks), 48)

    return settled(build, (3, 32, 32))


def mbconv_ca() -> nn.Module:
    def build() -> nn.Module:
        blocks = (MBConv(8, 8, stride, 4, 5, "ca", 32) for stride in (2, 1))
        return Classifier(nn.Sequential(conv(3, 8, 3, 2, act=nn.SiLU), *blocks), 8)

    return settled(build, (3, 32, 32))
