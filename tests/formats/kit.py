"""Networks, photos and measures for the tests of every format, and how one of them exports."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ca_deploy.formats import find_format
from ca_deploy.lowering.rules import DEFAULT
from ca_deploy.networks.source import Network
from ca_deploy.pipeline.stages import carry_out
from ca_deploy.plugins import load
from ca_deploy.progress import no_step
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Conversion, Converted
from ca_deploy.records.model import ModelSource
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.recipe import ExportRecipe
from tests import samples

SIZE = 32
Built = TypeVar("Built", bound=nn.Module)


class Expanding(nn.Module):
    """A foreign block: gates expanded as the authors do."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate_h, self.gate_w = nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[2:]
        rows: Tensor = self.gate_h(x.mean(3, keepdim=True)).sigmoid().expand(-1, -1, h, w)
        columns: Tensor = self.gate_w(x.mean(2, keepdim=True)).sigmoid().expand(-1, -1, h, w)
        return x * columns * rows


class Tiny(nn.Module):
    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6())
        self.depthwise = nn.Sequential(nn.Conv2d(16, 16, 3, 1, 1, groups=16), nn.BatchNorm2d(16), nn.ReLU6())
        self.attention = attention
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.pool(self.attention(self.depthwise(self.stem(x)))).flatten(1))
        return logits


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)) if x.sum() > 0 else x.amax((2, 3))


def export(
    network: Network,
    recipe: ExportRecipe,
    path: Path,
    calibration: NDArray[np.uint8] | None = None,
    dynamic_batch: bool = False,
    lowering: str = DEFAULT,
) -> Converted:
    """One file of a network, by the recipe's own format, in this process."""
    converter = load(find_format(recipe.format).converter)(network)
    fed = samples.samples_of(calibration) if calibration is not None else None
    log = path.with_suffix(".log")
    conversion = Conversion(ModelSource(), recipe, fed, path, log, dynamic_batch, lowering=lowering)
    return carry_out(converter, conversion, no_step)


def export_on_photos(network: Network, recipe: ExportRecipe, path: Path) -> Converted:
    """One file of a network, calibrated where the recipe needs it."""
    return export(network, recipe, path, photos(16, seed=1) if recipe.needs_calibration else None)


def export_all(network: Network, recipes: Iterable[str], folder: Path) -> dict[str, tuple[Path, Converted]]:
    """The network by every recipe."""
    files = {}
    for name in recipes:
        recipe = load_recipe(name)
        path = folder / f"{name}{find_format(recipe.format).suffix}"
        files[name] = path, export_on_photos(network, recipe, path)
    return files


def network_of(module: nn.Module) -> Network:
    return samples.network_of(module.eval(), Preprocessing(SIZE, SIZE))


def seeded(build: Callable[[], Built]) -> Built:
    torch.manual_seed(0)
    module = build().eval()
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None:
            nn.init.uniform_(norm.running_var, 0.2, 1)
            nn.init.normal_(norm.bias)
    return module


def photos(count: int, seed: int) -> NDArray[np.uint8]:
    """Blurry coloured noise, uint8 ``(count, SIZE, SIZE, 3)``: neighbouring pixels agree, as in photos."""
    random = np.random.default_rng(seed)
    coarse = torch.from_numpy(random.uniform(0, 255, (count, 3, 6, 6)))
    fine = nn.functional.interpolate(coarse, (SIZE, SIZE), mode="bicubic").clamp(0, 255)
    return fine.permute(0, 2, 3, 1).numpy().astype(np.uint8)


def sqnr_db(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.square(expected).sum() / np.square(found - expected).sum()))
