"""Biases fit the scales of their weights."""

from pathlib import Path

from ca_deploy.models.coord_attention import CoordAttention
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
