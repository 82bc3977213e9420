"""Networks that the converter has never seen: converted, or refused with the reason."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ca_deploy.errors import ModelError
from ca_deploy.networks.source import Network
from ca_deploy.recipes import load_recipe
from tests.formats.kit import SIZE, Branching, Expanding, Tiny, network_of, photos, seeded
from tests.formats.kit import export_on_photos as export
from tests.formats.tflite.kit import run
from tests.samples import answers


@pytest.mark.parametrize("program", [False, True])
def test_expanded_gates_export(program: bool, tmp_path: Path) -> None:
    module = seeded(lambda: Tiny(Expanding(16)))
    if program:
        saved = torch.export.export(module, (torch.zeros(1, 3, SIZE, SIZE),))
        torch.export.save(saved, tmp_path / "tiny.pt2")
        foreign = network_of(seeded(lambda: Tiny(Expanding(16))))
        foreign = Network(
            **{field: getattr(foreign, field) for field in foreign.__dataclass_fields__ if field != "module"},
            module=torch.export.load(tmp_path / "tiny.pt2").module(),
        )
    else:
        foreign = network_of(module)
    converted = export(foreign, load_recipe("tflite_float32"), tmp_path / "tiny.tflite")
    rgb = photos(1, seed=5)
    found = run(tmp_path / "tiny.tflite", converted, foreign, rgb)
    assert np.abs(found - answers(foreign, rgb)).max() <= 1e-4


class Fourier(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        spectrum: Tensor = torch.fft.rfft2(x)
        return spectrum.abs().mean((2, 3))


class Weightless(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.amax((2, 3))


@pytest.mark.parametrize(
    ("module", "recipe", "message"),
    [
        (Fourier(), "tflite_float32", "fft"),
        (Branching(), "tflite_float32", "torch.export"),
        (Weightless(), "tflite_dynamic_wi8_afp32", "Nothing was quantised"),
    ],
)
def test_networks_that_cannot_be_converted_are_refused(
    module: nn.Module, recipe: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=message):
        export(network_of(module), load_recipe(recipe), tmp_path / "refused.tflite")
