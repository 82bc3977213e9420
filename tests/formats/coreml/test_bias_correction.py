"""Bias correction of linear layers over tokens, as transformers have them: their channels are the last axis."""

from pathlib import Path

from torch import Tensor, nn

from ca_deploy.recipes import load_recipe
from tests.formats.coreml.kit import run
from tests.formats.kit import export_on_photos, network_of, photos, seeded, sqnr_db
from tests.samples import answers


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 24, 8, 8)
        self.mix, self.last = nn.Linear(24, 48), nn.Linear(48, 12)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        y: Tensor = self.last(self.mix(tokens).relu())
        return y


def test_linear_layers_over_tokens_are_corrected(tmp_path: Path) -> None:
    network, rgb = network_of(seeded(Tokens)), photos(8, seed=2)
    found = {}
    for recipe in ("coreml_static_wi8_ai8", "coreml_float32"):
        path = tmp_path / f"{recipe}.mlpackage"
        converted = export_on_photos(network, load_recipe(recipe), path)
        found[recipe] = sqnr_db(run(path, converted, network, rgb), answers(network, rgb))
    assert found["coreml_static_wi8_ai8"] > 25
    assert found["coreml_float32"] > 100
