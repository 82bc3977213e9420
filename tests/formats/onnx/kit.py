"""A tiny network, and what its ONNX files answer."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import nn

from ca_deploy.models.coord_attention import CoordAttention
from ca_deploy.networks.source import Network
from ca_deploy.recipes import recipe_names
from ca_deploy.records.conversion import Converted
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.runtimes._exact_sums import exact_sums
from tests.samples import network_of, normalised

SIZE = 32
RECIPES = [name for name in recipe_names() if name.startswith("onnx_")]
Export = Callable[..., tuple[Converted, Path]]


class TinyNet(nn.Module):
    """One block of the paper's kind: 3 -> 16 channels, attention, 4 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6())
        self.attention = CoordAttention(16)
        self.project = nn.Sequential(nn.Conv2d(16, 24, 1, bias=False), nn.BatchNorm2d(24))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(24, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.classifier(self.pool(self.project(self.attention(self.stem(x)))).flatten(1))
        return y


def as_network(module: nn.Module, name: str = "tiny") -> Network:
    return network_of(module.eval(), Preprocessing(SIZE, SIZE), name)


def photos(count: int, seed: int) -> np.ndarray:
    """Smooth coloured noise: uint8 ``(count, SIZE, SIZE, 3)``."""
    coarse = torch.rand(count, 3, 5, 5, generator=torch.Generator().manual_seed(seed))
    smooth = nn.functional.interpolate(coarse, (SIZE, SIZE), mode="bilinear")
    return (smooth * 255).byte().permute(0, 2, 3, 1).contiguous().numpy()


def feed(converted: Converted, network: Network, rgb: np.ndarray) -> np.ndarray:
    spec = converted.inputs[0]
    if not spec.normalised:
        return rgb
    image = normalised(network, rgb)
    if spec.scale is None or spec.zero_point is None:
        return image
    levels: NDArray[np.float32] = np.clip(np.round(image / np.float32(spec.scale)) + spec.zero_point, -128, 127)
    return levels.astype(np.int8)


def exact_session(model: onnx.ModelProto) -> ort.InferenceSession:
    options = ort.SessionOptions()
    for name, value in next(iter(exact_sums(model)), {}).items():
        options.add_session_config_entry(name, value)
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(converted: Converted, path: Path, images: np.ndarray, batch: int = 1) -> np.ndarray:
    session = exact_session(onnx.load(path))
    out = [session.run(None, {"image": images[i : i + batch]})[0] for i in range(0, len(images), batch)]
    logits: np.ndarray = np.concatenate(out)
    spec = converted.outputs[0]
    if spec.scale is not None and spec.zero_point is not None:
        logits = (logits.astype(np.float32) - spec.zero_point) * np.float32(spec.scale)
    return logits


def sqnr_db(logits: np.ndarray, wanted: np.ndarray) -> float:
    return float(10 * np.log10((wanted**2).sum() / ((logits - wanted) ** 2).sum()))
