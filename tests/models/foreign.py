"""Networks of other projects with their module structures, and so their key names, written down again."""

import math

import torch
from torch import Tensor, nn

from ca_deploy.models import efficientnet, mobilenet_v2, mobilenext


def conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


class TimmSqueezeExcite(nn.Module):
    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.conv_reduce, self.conv_expand = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.silu(self.conv_reduce(x.mean((2, 3), keepdim=True)))
        gated: Tensor = x * self.conv_expand(y).sigmoid()
        return gated


class TimmBlock(nn.Module):
    """``InvertedResidual``, or without expansion ``DepthwiseSeparableConv``, whose names are others."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, expansion: int, kernel: int, act: nn.Module, se: bool
    ) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.has_expansion = expansion > 1
        self.residual = stride == 1 and inputs == outputs
        depthwise = conv(hidden, hidden, kernel, stride, hidden)
        if self.has_expansion:
            self.conv_pw, self.bn1 = conv(inputs, hidden), nn.BatchNorm2d(hidden)
            self.conv_dw, self.bn2 = depthwise, nn.BatchNorm2d(hidden)
        else:
            self.conv_dw, self.bn1 = depthwise, nn.BatchNorm2d(hidden)
        self.se = TimmSqueezeExcite(hidden, inputs // 4) if se else nn.Identity()
        if self.has_expansion:
            self.conv_pwl, self.bn3 = conv(hidden, outputs), nn.BatchNorm2d(outputs)
        else:
            self.conv_pw, self.bn2 = conv(hidden, outputs), nn.BatchNorm2d(outputs)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x
        if self.has_expansion:
            y = self.act(self.bn2(self.conv_dw(self.act(self.bn1(self.conv_pw(y))))))
            y = self.bn3(self.conv_pwl(self.se(y)))
        else:
            y = self.bn2(self.conv_pw(self.se(self.act(self.bn1(self.conv_dw(y))))))
        return x + y if self.residual else y


class Timm(nn.Module):
    """timm's ``mobilenetv2_100`` and ``efficientnet_b0``."""

    def __init__(self, num_classes: int, name: str) -> None:
        super().__init__()
        is_efficient = name == "efficientnet_b0"
        stages = efficientnet.STAGES if is_efficient else [(*stage, 3) for stage in mobilenet_v2.STAGES]
        self.act = nn.SiLU() if is_efficient else nn.ReLU6()
        channels = 32
        self.conv_stem, self.bn1 = conv(3, channels, 3, 2), nn.BatchNorm2d(channels)
        blocks = []
        for expansion, outputs, repeats, stride, kernel in stages:
            stage = []
            for repeat in range(repeats):
                stage.append(
                    TimmBlock(
                        channels, outputs, stride if repeat == 0 else 1, expansion, kernel, self.act, is_efficient
                    )
                )
                channels = outputs
            blocks.append(nn.Sequential(*stage))
        self.blocks = nn.Sequential(*blocks)
        self.conv_head, self.bn2 = conv(channels, 1280), nn.BatchNorm2d(1280)
        self.classifier = nn.Linear(1280, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.act(self.bn1(self.conv_stem(x))))
        y: Tensor = self.classifier(self.act(self.bn2(self.conv_head(x))).mean((2, 3)))
        return y


class TorchvisionSqueezeExcite(nn.Module):
    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gated: Tensor = x * self.fc2(nn.functional.silu(self.fc1(x.mean((2, 3), keepdim=True)))).sigmoid()
        return gated


class TorchvisionMBConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int, kernel: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs

        def group(convolution: nn.Conv2d, *act: nn.Module) -> nn.Sequential:
            return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), *act)

        expand = [group(conv(inputs, hidden), nn.SiLU())] if expansion > 1 else []
        self.block = nn.Sequential(
            *expand,
            group(conv(hidden, hidden, kernel, stride, hidden), nn.SiLU()),
            TorchvisionSqueezeExcite(hidden, inputs // 4),
            group(conv(hidden, outputs)),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return x + y if self.residual else y


class TorchvisionEfficientNetB0(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        features: list[nn.Module] = [nn.Sequential(conv(3, 32, 3, 2), nn.BatchNorm2d(32), nn.SiLU())]
        channels = 32
        for expansion, outputs, repeats, stride, kernel in efficientnet.STAGES:
            stage = []
            for repeat in range(repeats):
                stage.append(TorchvisionMBConv(channels, outputs, stride if repeat == 0 else 1, expansion, kernel))
                channels = outputs
            features.append(nn.Sequential(*stage))
        features.append(nn.Sequential(conv(channels, 1280), nn.BatchNorm2d(1280), nn.SiLU()))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.classifier(self.features(x).mean((2, 3)))
        return y


class AuthorsSandglass(nn.Module):
    """The authors' ``SGBlock``: one flat ``conv``, with the layers of four cases in it."""

    def __init__(self, inputs: int, outputs: int, stride: int, ratio: int, keeps_depthwise: bool) -> None:
        super().__init__()
        hidden = inputs // ratio
        if hidden < outputs / 6:
            hidden = max(16, int(math.ceil(outputs / 6) + 8) // 16 * 16)
        changes = inputs != outputs and ratio != 2 and not keeps_depthwise
        depthwise = [conv(inputs, inputs, 3, 1, inputs), nn.BatchNorm2d(inputs), nn.ReLU6()]
        last = [conv(outputs, outputs, 3, stride, outputs), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(
            *([] if changes else depthwise),
            *(conv(inputs, hidden), nn.BatchNorm2d(hidden)),
            *(conv(hidden, outputs), nn.BatchNorm2d(outputs), nn.ReLU6()),
            *([] if changes and stride == 1 else last),
        )
        self.identity = inputs == outputs and not keeps_depthwise

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.identity else y


class AuthorsMobileNeXt(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        channels = 32
        features: list[nn.Module] = [nn.Sequential(conv(3, channels, 3, 2), nn.BatchNorm2d(channels), nn.ReLU6())]
        for ratio, outputs, repeats, stride in mobilenext.STAGES:
            for repeat in range(repeats):
                alone = repeats == 1 and stride == 1
                features.append(AuthorsSandglass(channels, outputs, stride if repeat == 0 else 1, ratio, alone))
                channels = outputs
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(channels, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.classifier(self.features(x).mean((2, 3)))
        return y


def with_random_weights(network: nn.Module) -> nn.Module:
    """Evaluation mode, with statistics that differ everywhere: no two parameters can be mistaken for each other."""
    torch.manual_seed(0)
    for key, value in network.state_dict().items():
        if value.ndim == 1:
            value.uniform_(0.5, 1.5)
        elif value.ndim == 4:
            nn.init.kaiming_normal_(value, mode="fan_out" if value.shape[1] > 1 else "fan_in")
        if "running_mean" in key:
            value -= 1
    return network.eval()
