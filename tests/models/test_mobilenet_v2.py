"""MobileNetV2 has the published size, and takes the authors' and torchvision's checkpoints as they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ca_deploy.errors import CheckpointError
from ca_deploy.models.mobilenet_v2 import InvertedResidual, MobileNetV2, mobilenet_v2, mobilenet_v2_ca
from ca_deploy.networks.checkpoint import load_backbone, load_weights, read_checkpoint

# (expansion, channels, stride) of the 17 blocks at width 1: MobileNetV2 paper, table 2
BLOCKS = (
    *((1, 16, 1),),
    *((6, 24, 2), (6, 24, 1)),
    *((6, 32, 2), (6, 32, 1), (6, 32, 1)),
    *((6, 64, 2), (6, 64, 1), (6, 64, 1), (6, 64, 1)),
    *((6, 96, 1), (6, 96, 1), (6, 96, 1)),
    *((6, 160, 2), (6, 160, 1), (6, 160, 1)),
    *((6, 320, 1),),
)


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    ]


class AuthorsAttention(nn.Module):
    """Coordinate attention under the names that ``mbv2_ca.py`` uses: ``conv2`` gates rows, ``conv3`` columns."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = max(8, channels // 32)
        self.conv1, self.bn1 = nn.Conv2d(channels, squeezed, 1), nn.BatchNorm2d(squeezed)
        self.conv2, self.conv3 = nn.Conv2d(squeezed, channels, 1), nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        def squeeze(y: Tensor) -> Tensor:
            squeezed: Tensor = nn.functional.hardswish(self.bn1(self.conv1(y)))
            return squeezed

        rows: Tensor = self.conv2(squeeze(x.mean(3, keepdim=True))).sigmoid()
        columns: Tensor = self.conv3(squeeze(x.mean(2, keepdim=True))).sigmoid()
        return x * rows * columns


class Block(nn.Module):
    """The authors' block is one flat ``conv``; torchvision's groups convolution, norm and activation."""

    def __init__(self, inputs: int, expansion: int, outputs: int, stride: int, style: str) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = conv(inputs, hidden, 1) if expansion > 1 else []
        depthwise = conv(hidden, hidden, 3, stride, hidden)
        project = conv(hidden, outputs, 1)[:2]
        if style == "torchvision":
            groups = [nn.Sequential(*expand)] if expand else []
            self.conv = nn.Sequential(*groups, nn.Sequential(*depthwise), *project)
        else:
            attention = [AuthorsAttention(hidden)] if expand and style == "authors' with CA" else []
            self.conv = nn.Sequential(*expand, *depthwise, *attention, *project)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.shortcut else y


class Foreign(nn.Module):
    """MobileNetV2 1.0 with another project's module structure, and so its key names."""

    def __init__(self, num_classes: int, style: str) -> None:
        super().__init__()
        features: list[nn.Module] = [nn.Sequential(*conv(3, 32, 3, 2))]
        channels = 32
        for expansion, outputs, stride in BLOCKS:
            features.append(Block(channels, expansion, outputs, stride, style))
            channels = outputs
        last = nn.Sequential(*conv(channels, 1280, 1))
        if style == "torchvision":
            features.append(last)
        else:
            self.conv = last
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.1), nn.Linear(1280, num_classes))

    def feature_map(self, x: Tensor) -> Tensor:
        y: Tensor = self.features(x)
        return self.conv(y) if hasattr(self, "conv") else y

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.classifier(self.feature_map(x).mean((2, 3)))
        return y


def foreign(style: str, num_classes: int = 7) -> Foreign:
    """With statistics that differ everywhere, so that no two parameters can be mistaken for each other."""
    torch.manual_seed(0)
    network = Foreign(num_classes, style).eval()
    for key, value in network.state_dict().items():
        if value.ndim == 1:
            value.uniform_(0.5, 1.5)
        elif value.ndim == 4:
            nn.init.kaiming_normal_(value, mode="fan_out" if value.shape[1] > 1 else "fan_in")
        if "running_mean" in key:
            value -= 1
    return network


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Maps this small are slower on several threads, far slower on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def same_logits(ours: nn.Module, theirs: nn.Module) -> bool:
    found, expected = ours.eval()(IMAGES), theirs(IMAGES)
    assert (expected[0] - expected[1]).abs().max() > 1e-3 * expected.abs().max()  # the answers depend on the images
    return torch.allclose(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize(
    ("attention", "width", "parameters"),
    [(None, 1.0, 3_504_872), ("ca", 1.0, 3_950_648), ("ca", 0.75, 2_891_631), ("ca", 0.5, 2_095_568)],
)
def test_parameters_are_those_published(attention: str | None, width: float, parameters: int) -> None:
    with torch.device("meta"):
        network = (mobilenet_v2_ca if attention else mobilenet_v2)(width=width)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.mark.parametrize(("factory", "millions"), [(mobilenet_v2, 300.8), (mobilenet_v2_ca, 306.7)])
def test_multiply_adds_are_those_published(factory: type[MobileNetV2], millions: float) -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        factory().eval()(torch.empty(1, 3, 224, 224))
    assert counter.get_total_flops() / 2e6 == pytest.approx(millions, abs=0.05)


def test_attention_stands_in_the_sixteen_blocks_with_expansion() -> None:
    with torch.device("meta"):
        blocks = [b for b in mobilenet_v2_ca().features if isinstance(b, InvertedResidual)]
    assert [isinstance(block.attention, nn.Identity) for block in blocks] == [True] + [False] * 16


@pytest.mark.parametrize("spelling", ["conv2 and conv3", "conv_h and conv_w"])
def test_authors_checkpoint_loads_strictly_and_computes_the_same(tmp_path: Path, spelling: str) -> None:
    theirs = foreign("authors' with CA")
    state = theirs.state_dict()
    assert "features.2.conv.6.conv3.weight" in state
    assert "conv.0.weight" in state
    if spelling == "conv_h and conv_w":
        state = {k.replace(".6.conv2.", ".6.conv_h.").replace(".6.conv3.", ".6.conv_w."): v for k, v in state.items()}
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, tmp_path / "mbv2_ca.pth")
    ours = mobilenet_v2_ca(num_classes=7)
    assert "authors" in load_weights(ours, read_checkpoint(tmp_path / "mbv2_ca.pth")).layout
    assert same_logits(ours, theirs)


def test_a_swapped_load_would_be_noticed(tmp_path: Path) -> None:
    theirs = foreign("authors' with CA")
    swap = {"conv2": "conv3", "conv3": "conv2"}
    state = {".".join(swap.get(p, p) for p in key.split(".")): value for key, value in theirs.state_dict().items()}
    torch.save(state, tmp_path / "swapped.pth")
    ours = mobilenet_v2_ca(num_classes=7)
    load_weights(ours, read_checkpoint(tmp_path / "swapped.pth"))
    assert not same_logits(ours, theirs)


@pytest.mark.parametrize(
    ("style", "key"), [("authors' plain", "features.17.conv.7.bias"), ("torchvision", "features.17.conv.3.bias")]
)
def test_plain_checkpoints_load_strictly_and_compute_the_same(tmp_path: Path, style: str, key: str) -> None:
    theirs = foreign(style)
    assert key in theirs.state_dict()
    torch.save(theirs.state_dict(), tmp_path / "plain.pth")
    ours = mobilenet_v2(num_classes=7)
    assert style.split()[0] in load_weights(ours, read_checkpoint(tmp_path / "plain.pth")).layout
    assert same_logits(ours, theirs)


@pytest.fixture
def torchvision(tmp_path: Path) -> tuple[Foreign, Path]:
    theirs = foreign("torchvision", num_classes=11)
    assert {"features.0.0.weight", "features.1.conv.0.0.weight", "features.18.1.bias"} <= theirs.state_dict().keys()
    torch.save(theirs.state_dict(), tmp_path / "mobilenet_v2.pth")
    return theirs, tmp_path / "mobilenet_v2.pth"


@torch.inference_mode()
def test_torchvision_is_a_backbone_for_the_network_with_attention(torchvision: tuple[Foreign, Path]) -> None:
    theirs, path = torchvision
    ours = mobilenet_v2_ca(num_classes=7).eval()
    before = {k: v.clone() for k, v in ours.state_dict().items() if "attention" in k or "classifier" in k}
    load_backbone(ours, read_checkpoint(path))
    assert all(torch.equal(ours.state_dict()[key], value) for key, value in before.items())
    for block in ours.features:
        if isinstance(block, InvertedResidual):
            block.attention = nn.Identity()
    found, expected = ours.features(IMAGES), theirs.feature_map(IMAGES)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_a_backbone_does_not_pass_for_a_whole_network(torchvision: tuple[Foreign, Path]) -> None:
    with pytest.raises(CheckpointError, match=r"missing \((.|\n)*attention(.|\n)*wrong shape"):
        load_weights(mobilenet_v2_ca(num_classes=7), read_checkpoint(torchvision[1]))


def test_a_backbone_of_another_width_is_refused(torchvision: tuple[Foreign, Path]) -> None:
    with pytest.raises(CheckpointError, match=r"Backbone(.|\n)*wrong shape(.|\n)*features\.0\.0\.weight"):
        load_backbone(mobilenet_v2_ca(width=0.5), read_checkpoint(torchvision[1]))
