"""A static INT8 file is integer throughout."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ca_deploy.graphs import flatbuffer
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Converted
from tests.formats.kit import export_on_photos, network_of, photos, seeded, sqnr_db
from tests.formats.tflite.kit import RECIPES, run
from tests.samples import answers

STATIC_INT8 = [name for name in RECIPES if name.startswith("tflite_static_wi8_ai8")]


@pytest.mark.parametrize("name", STATIC_INT8)
def test_static_int8_leaves_nothing_float(name: str, exported: dict[str, tuple[Path, Converted]]) -> None:
    path, converted = exported[name]
    assert converted.float_operators == ()
    model = flatbuffer.read(path.read_bytes())
    tensors = model.subgraphs[0].tensors
    gates = [o for o in model.subgraphs[0].operators if flatbuffer.operator_name(model, o) == "LOGISTIC"]
    assert len(gates) == 2
    assert {float(tensors[gate.outputs[0]].quantization.scale[0]) for gate in gates} == {1 / 256}


class Mixed(nn.Module):
    """A product with a constant whose columns differ by a factor of 30, before or behind the activations."""

    def __init__(self, before: bool) -> None:
        super().__init__()
        self.patches, self.before = nn.Conv2d(3, 16, 8, 8), before
        self.register_buffer("weight", torch.randn(16, 16) * torch.logspace(-1, 0.5, 16))

    def forward(self, x: Tensor) -> Tensor:
        y = self.patches(x).flatten(2)
        weight = self.get_buffer("weight")
        found: Tensor = weight @ y if self.before else y.transpose(1, 2) @ weight
        return found


@pytest.mark.parametrize(
    ("recipe", "before"),
    [("tflite_static_wi8_ai8", True), ("tflite_static_wi8_ai8", False), ("tflite_static_wi8_ai16", False)],
)
def test_a_product_with_a_constant_has_one_scale(recipe: str, before: bool, tmp_path: Path) -> None:
    """The kernel reads one, and computed nonsense with a scale per column."""
    network, path = network_of(seeded(lambda: Mixed(before))), tmp_path / "mixed.tflite"
    converted = export_on_photos(network, load_recipe(recipe), path)
    rgb = photos(8, seed=2)
    assert sqnr_db(run(path, converted, network, rgb), answers(network, rgb)) > 25
