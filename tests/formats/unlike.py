"""Networks whose outputs hold channels of unlike scale, or an offset that dwarfs their spread; two whose do not; and
what an integer file leaves of the worst channel."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ca_deploy import plugins
from ca_deploy.evaluation.predictor import file_predictor
from ca_deploy.formats import find_format
from ca_deploy.networks.source import Network
from ca_deploy.pipeline.stages import carry_out
from ca_deploy.progress import no_step
from ca_deploy.records.conversion import Conversion, Converted
from ca_deploy.records.model import ModelSource
from ca_deploy.records.recipe import ExportRecipe
from ca_deploy.runtimes import open_session
from tests.formats.kit import network_of, photos, seeded
from tests.samples import normalised, samples_of

_CELL = 8  # pixels


class Trunk(nn.Sequential):
    """``(N, 3, 32, 32)`` -> ``(N, 16, 8, 8)``"""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, 2, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
        )


class BoxesBesideScores(nn.Module):
    """A detector's map: boxes in pixels and the scores of three classes, as (N, 7, 64) or (N, 64, 7)."""

    def __init__(self, channels_last: bool = False) -> None:
        super().__init__()
        self.trunk, self.channels_last = Trunk(), channels_last
        self.boxes, self.scores = nn.Conv2d(16, 4, 1), nn.Conv2d(16, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        features = self.trunk(x)
        boxes, scores = self.boxes(features).flatten(2), self.scores(features).flatten(2).sigmoid()
        found = torch.cat([(boxes[:, :2] * 2 + 16) * _CELL, boxes[:, 2:].exp() * _CELL, scores], 1)
        return found.transpose(1, 2) if self.channels_last else found


class OneConvolution(nn.Module):
    """The convolution itself gives boxes in pixels and scores, which become two outputs: each would do alone."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head = Trunk(), nn.Conv2d(16, 7, 1)
        with torch.no_grad():
            self.head.weight[:4] *= 500

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        found = self.head(self.trunk(x)).flatten(2)
        return found[:, :4], found[:, 4:].sigmoid()


class ThreeLevels(nn.Module):
    """Three feature levels in one tensor, with the box as the expectation over bins (arXiv 2006.04388)."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.down = nn.ModuleList(nn.Conv2d(16, 16, 3, 2, 1) for _ in range(2))
        self.bins = nn.ModuleList(nn.Conv2d(16, 4 * 8, 1) for _ in range(3))
        self.classes = nn.ModuleList(nn.Conv2d(16, 2, 1) for _ in range(3))
        self.expectation = nn.Conv2d(8, 1, 1, bias=False)
        with torch.no_grad():
            self.expectation.weight.copy_(torch.arange(8.0).reshape(1, 8, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        level, found = self.trunk(x), []
        for number, (bins, classes) in enumerate(zip(self.bins, self.classes, strict=True)):
            level = self.down[number - 1](level).relu() if number else level
            cells = level.shape[2] * level.shape[3]
            spread = (4 * bins(level)).reshape(-1, 4, 8, cells).transpose(1, 2).softmax(1)
            boxes = self.expectation(spread).reshape(-1, 4, cells) * _CELL * 2**number
            found.append(torch.cat([boxes, classes(level).flatten(2).sigmoid() * 0.5], 1))
        return torch.cat(found, 2)


class Year(nn.Module):
    """A regression whose offset dwarfs its spread."""

    def __init__(self, offset: float = 1990) -> None:
        super().__init__()
        self.trunk, self.linear, self.offset = Trunk(), nn.Linear(16, 1), offset

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.linear(self.trunk(x).mean((2, 3))) * 20 + self.offset
        return found


class LinearWithOffset(nn.Module):
    """The offset is the layer's own bias."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.linear = Trunk(), nn.Linear(16, 3)
        nn.init.constant_(self.linear.bias, 300)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.linear(self.trunk(x).mean((2, 3)))
        return found


class PhysicalUnits(nn.Module):
    """A map in which every channel has a unit of its own, by a factor and an offset behind the last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head = Trunk(), nn.Conv2d(16, 3, 1)
        self.register_buffer("factor", torch.tensor([1000.0, 1, 0.01]).reshape(1, 3, 1, 1))
        self.register_buffer("offset", torch.tensor([0.0, 20, 0]).reshape(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.trunk(x)) * self.get_buffer("factor") + self.get_buffer("offset")
        return found


class Embedding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.linear = Trunk(), nn.Linear(16, 12)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(self.linear(self.trunk(x).mean((2, 3))))


class Segmenter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head = Trunk(), nn.Conv2d(16, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(self.head(self.trunk(x)), scale_factor=4, mode="bilinear")


def channels_last() -> BoxesBesideScores:
    return BoxesBesideScores(channels_last=True)


KINDS: dict[str, Callable[[], nn.Module]] = {
    "boxes beside scores": BoxesBesideScores,
    "channels last": channels_last,
    "two outputs of one convolution": OneConvolution,
    "three levels": ThreeLevels,
    "a year": Year,
    "a layer with an offset": LinearWithOffset,
    "physical units": PhysicalUnits,
}


class Exported:
    """One network by recipes of one format, which share its conversion."""

    def __init__(self, build: Callable[[], nn.Module], format_name: str, folder: Path) -> None:
        self.network: Network = network_of(seeded(build))
        self._folder, self._format = folder, find_format(format_name)
        self._converter: Any = plugins.load(self._format.converter)(self.network)

    def by(self, recipe: ExportRecipe) -> tuple[Converted, float]:
        """The file's description, and the lowest SQNR about the mean of any channel on photos that it has not seen."""
        path = self._folder / f"{recipe.last_stage}{self._format.suffix}"
        fed = samples_of(photos(48, seed=1))
        conversion = Conversion(ModelSource(), recipe, fed, path, path.with_suffix(".log"))
        converted: Converted = carry_out(self._converter, conversion, no_step)
        signature, rgb = self.network.signature, photos(24, seed=5)
        subject = file_predictor(
            path.name,
            open_session(path, known=True),
            converted.inputs,
            converted.outputs,
            signature,
            self.network.task,
            None,
        )
        with torch.inference_mode():
            given = self.network.module(torch.from_numpy(normalised(self.network, rgb)))
        wanted = [value.numpy() for value in (given if isinstance(given, tuple) else (given,))]
        return converted, min(map(lowest_sqnr_db, wanted, subject.run(samples_of(rgb)).values()))


def lowest_sqnr_db(wanted: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """Of the channels, which are along the shorter of the axes."""
    axis = 1 + int(np.argmin(wanted.shape[1:]))
    rows, errors = (np.moveaxis(value, axis, 0).reshape(value.shape[axis], -1) for value in (wanted, found - wanted))
    return float(10 * np.log10(rows.var(axis=1) / np.square(errors).mean(axis=1)).min())
