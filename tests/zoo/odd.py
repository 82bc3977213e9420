"""What else is in networks that people deploy: rarer layers, recurrent ones, shared weights, modules built late."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.zoo.attention import CoordAtt
from tests.zoo.parts import Classifier, Logits, conv, settled

IMAGE = (3, 32, 32)


def activations() -> nn.Module:
    """Mish, ELU, LeakyReLU, PReLU with one weight, and GELU one after another."""

    def build() -> nn.Module:
        kinds = (nn.Mish, nn.ELU, lambda: nn.LeakyReLU(0.1), nn.PReLU, nn.GELU)
        layers = [conv(3, 12, 3, 2), *(conv(12, 12, 3, groups=4, act=kind) for kind in kinds)]
        return Classifier(nn.Sequential(*layers), 12)

    return settled(build, IMAGE)


def group_norm() -> nn.Module:
    """Group norms instead of batch norms (arXiv 1803.08494), as in networks trained with small batches."""

    def build() -> nn.Module:
        first = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.GroupNorm(4, 16), nn.ReLU())
        return Classifier(nn.Sequential(first, nn.Conv2d(16, 16, 3, 1, 1), nn.GroupNorm(8, 16), nn.ReLU()), 16)

    return settled(build, IMAGE)


class TfPadding(nn.Module):
    """Asymmetric padding as in weights that come from TensorFlow: ``same`` at stride 2, and replicated borders."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 16, 5, 2)
        self.norm = nn.BatchNorm2d(16)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu6(self.first(functional.pad(x, (0, 1, 0, 1))))
        return torch.relu(self.norm(self.second(functional.pad(x, (1, 2, 1, 2), mode="replicate"))))


def tf_padding() -> nn.Module:
    return settled(lambda: Classifier(TfPadding(), 16), IMAGE)


class TextLine(nn.Module):
    """CRNN (arXiv 1507.05717): letters from the columns of a text line, ``(N, 1, 32, 64)`` -> ``(N, 16, 11)``."""

    def __init__(self, kind: type[nn.LSTM | nn.GRU]) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(1, 8, 3, 2), conv(8, 16, 3, 2), nn.MaxPool2d((8, 1)))
        self.columns = kind(16, 12, batch_first=True, bidirectional=kind is nn.LSTM)
        self.head = nn.Linear(24 if kind is nn.LSTM else 12, 11)
        nn.init.normal_(self.head.weight)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.columns(self.body(x).squeeze(2).transpose(1, 2))
        letters: Tensor = self.head(y).log_softmax(-1)
        return letters


def text_line_lstm() -> nn.Module:
    return settled(lambda: TextLine(nn.LSTM), (1, 32, 64))


def text_line_gru() -> nn.Module:
    return settled(lambda: TextLine(nn.GRU), (1, 32, 64))


class Spectrogram(nn.Module):
    """Keywords in a spectrogram of 40 bands and 49 frames (arXiv 1711.07128), with 1-D convolutions over time."""

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Sequential(
            nn.Conv1d(40, 16, 5, 2, 2), nn.BatchNorm1d(16), nn.ReLU(), nn.Conv1d(16, 16, 3, 1, 1, groups=4)
        )
        self.head = Logits(16, 6)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(functional.adaptive_avg_pool1d(self.time(x.squeeze(1)), 1).flatten(1))
        return logits


def spectrogram() -> nn.Module:
    return settled(Spectrogram, (1, 40, 49))


class Gated(nn.Module):
    """Gates by halves of the channels: a gated linear unit, a chunk, and a product of slices."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = conv(3, 16, 3, 2), nn.Conv2d(8, 16, 3, 1, 1), nn.Conv2d(8, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.glu(self.first(x), 1)
        gate, value = self.second(y).chunk(2, 1)
        y = self.third(torch.tanh(gate) * value)
        found: Tensor = y[:, ::2] * y[:, 1::2]
        return found


def gated() -> nn.Module:
    return settled(lambda: Classifier(Gated(), 8), IMAGE)


class Shared(nn.Module):
    """One block called twice on maps of two sizes, and a classifier whose weights are the embedding's (tied)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.block, self.attention = conv(3, 12, 3, 2), conv(12, 12), CoordAtt(12)
        self.embedding, self.head = nn.Linear(12, 12, bias=False), nn.Linear(12, 12, bias=False)
        self.head.weight = self.embedding.weight
        nn.init.orthogonal_(self.head.weight, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.attention(self.block(self.stem(x)))
        y = self.attention(self.block(functional.max_pool2d(y, 2)))
        vector: Tensor = self.head(torch.tanh(self.embedding(y.mean((2, 3)))))
        return vector


def shared() -> nn.Module:
    return settled(Shared, IMAGE)


class Lazy(nn.Module):
    """Layers that learn their channels from the first image: ``nn.Lazy…``, and a block built in the forward."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.LazyConv2d(8, 3, 2, 1), nn.LazyBatchNorm2d()
        self.attention: nn.Module | None = None
        self.embed, self.head = nn.LazyLinear(12), Logits(12)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm(self.first(x)))
        if self.attention is None:
            self.attention = CoordAtt(y.shape[1])
        logits: Tensor = self.head(torch.relu(self.embed(self.attention(y).mean((2, 3)))))
        return logits


def lazy() -> nn.Module:
    return settled(Lazy, IMAGE)


def lazy_unbuilt() -> nn.Module:
    """The same before its first image."""
    return Lazy()


def half_precision() -> nn.Module:
    """Weights in float16, as checkpoints are published to be small."""

    def build() -> nn.Module:
        return Classifier(nn.Sequential(conv(3, 8, 3, 2), conv(8, 16, 3, 2), CoordAtt(16)), 16)

    return settled(build, IMAGE).half()


class Scores(nn.Module):
    """A sigmoid per class, ``(N, 3, H, W)`` -> ``(N, outputs)``: several labels may apply, or one may or not."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(3, 8, 3, 2), conv(8, 16, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = Logits(16, outputs, 0)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.head(self.body(x)))


def multi_label() -> nn.Module:
    return settled(lambda: Scores(6), IMAGE)


def binary() -> nn.Module:
    return settled(lambda: Scores(1), IMAGE)


class Regression(nn.Module):
    """A quality of a photo (NIMA, arXiv 1709.05424): the mean of a distribution by softmax, ``(N, 1)``."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(3, 8, 3, 2), conv(8, 16, 3, 2), nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.head = Logits(16, 10, 0)
        self.register_buffer("grades", torch.arange(1.0, 11.0))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = (self.head(self.body(x)).softmax(1) * self.get_buffer("grades")).sum(1, keepdim=True)
        return found


def regression() -> nn.Module:
    return settled(Regression, IMAGE)


class Branching(nn.Module):
    """A forward that branches on the values of the image, which no graph can express without control flow."""

    def __init__(self) -> None:
        super().__init__()
        self.dark, self.bright = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.dark(x) if x.mean() < 0 else self.bright(x)
        return y.mean((2, 3))


def branching() -> nn.Module:
    return settled(Branching, IMAGE)


class Spectral(nn.Module):
    """A network that filters in the frequency domain, by an FFT (GFNet, arXiv 2107.00645)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.weight = conv(3, 8, 3, 2), nn.Parameter(torch.randn(8, 16, 9))

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(self.first(x), norm="ortho")
        found: Tensor = torch.fft.irfft2(spectrum * self.weight, norm="ortho")
        return found


def spectral() -> nn.Module:
    return settled(lambda: Classifier(Spectral(), 8), IMAGE)


class Warped(nn.Module):
    """A spatial transformer (arXiv 1506.02025): the image is sampled on a grid that the network computes."""

    def __init__(self) -> None:
        super().__init__()
        self.locate = nn.Sequential(conv(3, 8, 3, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 6))
        self.body = conv(3, 8, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        theta = torch.eye(2, 3) + self.locate(x).view(-1, 2, 3) / 10
        grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
        y: Tensor = self.body(functional.grid_sample(x, grid, align_corners=False))
        return y


def warped() -> nn.Module:
    return settled(lambda: Classifier(Warped(), 8), IMAGE)
