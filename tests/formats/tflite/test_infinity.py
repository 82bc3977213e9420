"""Max pooling with padding, which litert-torch writes with -inf: INT8 files of it crashed XNNPACK."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ca_deploy.errors import ModelError
from ca_deploy.graphs import flatbuffer
from ca_deploy.recipes import load_recipe
from tests.formats.kit import export_on_photos, network_of, photos, seeded, sqnr_db
from tests.formats.tflite.kit import run
from tests.samples import answers


class Pooled(nn.Module):
    """As ResNet starts; without ReLU the lowest value is not zero."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.stem, self.act = nn.Conv2d(3, 8, 3, 2, 1), act
        self.pool, self.last = nn.MaxPool2d(3, 2, 1), nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.pool(self.act(self.stem(x))))
        return y


class Masked(nn.Module):
    """A mask of -inf before a softmax, as attention with a causal mask has it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.register_buffer("mask", torch.full((8, 8), -torch.inf).triu(1))

    def forward(self, x: Tensor) -> Tensor:
        masked: Tensor = self.stem(x) + self.get_buffer("mask")
        return masked.softmax(-1)


@pytest.mark.parametrize("act", [nn.ReLU(), nn.Identity()], ids=["relu", "linear"])
@pytest.mark.parametrize("recipe", ["tflite_static_wi8_ai8", "tflite_static_wi8_ai16"])
def test_the_padding_has_the_lowest_value_of_the_tensor(recipe: str, act: nn.Module, tmp_path: Path) -> None:
    network = network_of(seeded(lambda: Pooled(act)))
    path = tmp_path / "pooled.tflite"
    converted = export_on_photos(network, load_recipe(recipe), path)
    model = flatbuffer.read(path.read_bytes())
    scales = [t.quantization.scale for t in model.subgraphs[0].tensors if t.quantization is not None]
    assert all(np.isfinite(scale).all() for scale in scales if scale is not None)
    rgb = photos(8, seed=2)
    assert sqnr_db(run(path, converted, network, rgb), answers(network, rgb)) > 25


def test_another_infinity_is_refused_with_its_module(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"tflite_static_wi8_ai8: .* infinity .* ADD in .* finite value"):
        export_on_photos(network_of(seeded(Masked)), load_recipe("tflite_static_wi8_ai8"), tmp_path / "m.tflite")
