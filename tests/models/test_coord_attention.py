"""Our block computes what the paper defines (arXiv 2103.02907, section 3.2, equations 4 to 8)."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ca_deploy.models.coord_attention import CoordAttention, HardSwish


class PaperBlock(nn.Module):
    """The equations one by one, with the parameter names of the authors' ``mbv2_ca.py``."""

    def __init__(self, channels: int, reduction: int = 32) -> None:
        super().__init__()
        squeezed = max(8, channels // reduction)
        self.conv1 = nn.Conv2d(channels, squeezed, 1)
        self.bn1 = nn.BatchNorm2d(squeezed)
        self.conv2 = nn.Conv2d(squeezed, channels, 1)  # F_h
        self.conv3 = nn.Conv2d(squeezed, channels, 1)  # F_w

    def forward(self, x: Tensor) -> Tensor:
        z_h = x.mean(dim=3)  # (4): one value per row, (N, C, H)
        z_w = x.mean(dim=2)  # (5): one value per column, (N, C, W)
        f_h, f_w = self.shared(z_h), self.shared(z_w)  # (6): a 1x1 convolution sees every position alone
        g_h = torch.sigmoid(F.conv1d(f_h, self.conv2.weight[..., 0], self.conv2.bias))  # (7)
        g_w = torch.sigmoid(F.conv1d(f_w, self.conv3.weight[..., 0], self.conv3.bias))
        return torch.einsum("nchw,nch,ncw->nchw", x, g_h, g_w)  # (8)

    def shared(self, z: Tensor) -> Tensor:
        y = F.conv1d(z, self.conv1.weight[..., 0], self.conv1.bias)
        norm = self.bn1
        y = F.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        return y * (y + 3).clamp(0, 6) / 6


def pair(channels: int, reduction: int, swapped: bool = False) -> tuple[CoordAttention, PaperBlock]:
    torch.manual_seed(0)
    paper = PaperBlock(channels, reduction).eval()
    for value in paper.bn1.state_dict().values():
        if value.ndim:
            value.uniform_(0.5, 1.5)
    h, w = ("conv3", "conv2") if swapped else ("conv2", "conv3")
    names = {h: "conv_h", w: "conv_w"}
    ours = CoordAttention(channels, reduction).eval()
    parts = ((key.partition("."), value) for key, value in paper.state_dict().items())
    ours.load_state_dict({f"{names.get(module, module)}.{rest}": value for (module, _, rest), value in parts})
    return ours, paper


@pytest.mark.parametrize(("channels", "reduction"), [(16, 32), (96, 8), (320, 32)])
@pytest.mark.parametrize("size", [(7, 7), (5, 9), (12, 1), (1, 1)])
@torch.inference_mode()
def test_block_computes_the_papers_equations(channels: int, reduction: int, size: tuple[int, int]) -> None:
    ours, paper = pair(channels, reduction)
    x = torch.randn(2, channels, *size)
    torch.testing.assert_close(ours(x), paper(x), rtol=1e-5, atol=1e-6)


@torch.inference_mode()
def test_swapped_branches_would_be_noticed() -> None:
    ours, paper = pair(16, 32, swapped=True)
    x = torch.randn(2, 16, 5, 9)
    assert (ours(x) - paper(x)).abs().max() > 1e-2


def test_bottleneck_never_has_fewer_than_eight_channels() -> None:
    assert [CoordAttention(c).conv1.out_channels for c in (16, 256, 960)] == [8, 8, 30]
    assert CoordAttention(96, reduction=4).conv1.out_channels == 24


def test_hard_swish_is_pytorchs() -> None:
    x = torch.linspace(-6, 6, 101)
    torch.testing.assert_close(HardSwish()(x), F.hardswish(x))


@torch.inference_mode()
def test_open_gates_are_almost_the_identity() -> None:
    block = CoordAttention(16).eval()
    block.open_gates()
    x = torch.randn(1, 16, 5, 9)
    torch.testing.assert_close(block(x), x * 0.9526**2, rtol=1e-3, atol=1e-4)
