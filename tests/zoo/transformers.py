"""Classifiers with layer norms, tokens and attention over them, ``(N, 3, 32, 32)`` -> ``(N, 5)``."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.zoo.parts import Classifier, Logits, conv, settled

IMAGE = (3, 32, 32)


class _ConvNext(nn.Module):
    """A block of ConvNeXt: depthwise 7x7, layer norm over the last axis, GELU, a learned scale per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.expand, self.act, self.reduce = (
            nn.Linear(channels, 4 * channels),
            nn.GELU(),
            nn.Linear(4 * channels, channels),
        )
        self.scale = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        changed: Tensor = self.scale * self.reduce(self.act(self.expand(y)))
        return x + changed.permute(0, 3, 1, 2)


class _Norm2d(nn.LayerNorm):
    """A layer norm over the channels of a map."""

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return normed


def convnext() -> nn.Module:
    """ConvNeXt (arXiv 2201.03545): a patch stem, one block."""
    return settled(lambda: Classifier(nn.Sequential(nn.Conv2d(3, 16, 4, 4), _Norm2d(16), _ConvNext(16)), 16), IMAGE)


class _Attention(nn.Module):
    """Self-attention of two heads; ``fused`` calls PyTorch's own function, otherwise products and a softmax."""

    def __init__(self, size: int, fused: bool) -> None:
        super().__init__()
        self.fused, self.heads = fused, 2
        self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, size = x.shape
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.heads, size // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        if self.fused:
            y = functional.scaled_dot_product_attention(q, k, v)
        else:
            y = (q @ k.transpose(-2, -1) * (size // self.heads) ** -0.5).softmax(-1) @ v
        mixed: Tensor = self.out(y.transpose(1, 2).reshape(batch, tokens, size))
        return mixed


class _Layer(nn.Module):
    def __init__(self, size: int, fused: bool) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(size), _Attention(size, fused)
        self.norm2, self.mlp = nn.LayerNorm(size), nn.Sequential(nn.Linear(size, 32), nn.GELU(), nn.Linear(32, size))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        y: Tensor = x + self.mlp(self.norm2(x))
        return y


class VisionTransformer(nn.Module):
    """ViT (arXiv 2010.11929): patches, a class token, a learned position, two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, 8)
        self.token, self.position = nn.Parameter(torch.randn(1, 1, 16)), nn.Parameter(torch.randn(1, 17, 16) / 2)
        self.layers = nn.Sequential(_Layer(16, fused=True), _Layer(16, fused=False))
        self.norm, self.head = nn.LayerNorm(16), Logits(16)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(x.shape[0], -1, -1), tokens], 1) + self.position
        logits: Tensor = self.head(self.norm(self.layers(tokens))[:, 0])
        return logits


def vision_transformer() -> nn.Module:
    return settled(VisionTransformer, IMAGE)


class Encoder(nn.Module):
    """PyTorch's own ``nn.TransformerEncoder`` over the rows of a map, as networks for text lines have it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 16, 3, 4)
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = Logits(16)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder(self.stem(x).mean(3).transpose(1, 2)).mean(1))
        return logits


def encoder() -> nn.Module:
    return settled(Encoder, IMAGE)


class Mixer(nn.Module):
    """MLP-Mixer (arXiv 2105.01601), which mixes tokens by ``einsum``."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, 8)
        self.norm1, self.norm2 = nn.LayerNorm(16), nn.LayerNorm(16)
        self.tokens = nn.Parameter(torch.randn(16, 16) / 4)
        self.channels = nn.Sequential(nn.Linear(16, 32), nn.GELU(approximate="tanh"), nn.Linear(32, 16))
        self.head = Logits(16)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.einsum("nchw->nhwc", self.patches(x)).flatten(1, 2)
        y = y + torch.einsum("ntc,ts->nsc", self.norm1(y), self.tokens)
        y = y + self.channels(self.norm2(y))
        logits: Tensor = self.head(y.mean(1))
        return logits


def mixer() -> nn.Module:
    return settled(Mixer, IMAGE)


class _Pooled(nn.Module):
    """A block of PoolFormer: an average pool, whose own input is taken off, mixes the positions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.pool = nn.GroupNorm(1, channels), nn.AvgPool2d(3, 1, 1, count_include_pad=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        found: Tensor = x + self.pool(y) - y
        return found


def poolformer() -> nn.Module:
    """PoolFormer (arXiv 2111.11418): a group norm, and an average that leaves out the padding."""
    return settled(lambda: Classifier(nn.Sequential(nn.Conv2d(3, 16, 4, 4), _Pooled(16), conv(16, 16, 1)), 16), IMAGE)


class _Windows(nn.Module):
    """Attention inside shifted windows of 4x4, as in Swin: ``roll``, and views of six dimensions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(channels), _Attention(channels, fused=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        y = torch.roll(self.norm(x.permute(0, 2, 3, 1)), (-2, -2), (1, 2))
        y = y.view(batch, height // 4, 4, width // 4, 4, channels).permute(0, 1, 3, 2, 4, 5)
        y = self.attention(y.reshape(-1, 16, channels))
        y = y.view(batch, height // 4, width // 4, 4, 4, channels).permute(0, 1, 3, 2, 4, 5)
        return x + torch.roll(y.reshape(batch, height, width, channels), (2, 2), (1, 2)).permute(0, 3, 1, 2)


def swin() -> nn.Module:
    """Swin (arXiv 2103.14030): one block of shifted windows, without the mask of the borders."""
    return settled(lambda: Classifier(nn.Sequential(nn.Conv2d(3, 16, 4, 4), _Windows(16)), 16), IMAGE)
