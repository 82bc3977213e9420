"""Biases fit the scales of their weights."""

from pathlib import Path

from torch import Tensor, nn

from ca_deploy.models.coord_attention import CoordAttention
from ca_deploy.models.squeeze_excite import SqueezeExcite
from ca_deploy.recipes import load_recipe
from tests.formats.kit import Tiny, network_of, photos, seeded, sqnr_db
from tests.formats.kit import export_on_photos as export
from tests.formats.tflite.kit import run
from tests.samples import answers


def test_channels_of_zeros_keep_their_bias(tmp_path: Path) -> None:
    """Zeros suggest no scale, and with one that is too small the bias overflows int32."""
    module = seeded(lambda: Tiny(CoordAttention(16)))
    assert isinstance(module.attention, CoordAttention)
    module.attention.open_gates()
    opened = network_of(module)
    converted = export(opened, load_recipe("tflite_static_wi8_ai8"), tmp_path / "opened.tflite")
    rgb = photos(16, seed=6)
    assert sqnr_db(run(tmp_path / "opened.tflite", converted, opened, rgb), answers(opened, rgb)) > 20


class Gates(nn.Module):
    """Two untrained gates, whose weights of zeros become one tensor, and whose inputs have other scales."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high, self.last = SqueezeExcite(8, 8), SqueezeExcite(8, 8), nn.Conv2d(8, 4, 1)
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        for block in (self.low, self.high):
            block.open_gates()
            nn.init.uniform_(block.fc1.weight, 0.1, 1)
            assert block.fc1.bias is not None
            nn.init.zeros_(block.fc1.bias)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.last(self.high(self.low(self.stem(x) / 100) * 100)).mean((2, 3))
        return found


def test_a_bias_fits_where_several_layers_have_the_same_weights(tmp_path: Path) -> None:
    network = network_of(seeded(Gates))
    converted = export(network, load_recipe("tflite_static_wi8_ai8"), tmp_path / "gates.tflite")
    rgb = photos(16, seed=6)
    assert sqnr_db(run(tmp_path / "gates.tflite", converted, network, rgb), answers(network, rgb)) > 20
