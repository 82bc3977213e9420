"""Layers that the networks share."""

from torch import nn


def make_divisible(channels: float, divisor: int = 8) -> int:
    """Round to a multiple of ``divisor``, never down by more than 10 % (TF-Slim's rule)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def conv_bn(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1, dilation: int = 1
) -> list[nn.Module]:
    """A convolution without bias that keeps the size of the map (over ``stride``), and its batch norm."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2 * dilation, dilation, groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


def initialise(network: nn.Module) -> None:
    """The initialisation of the MobileNetV2 and MobileNeXt authors: He for convolutions, normal(0, 0.01) for linear."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
            nn.init.zeros_(module.bias)
