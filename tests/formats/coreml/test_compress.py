"""Stored weights are small, and sound."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ca_deploy.files import sha256_of, size_of
from ca_deploy.mil.executor import Executor
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Converted
from tests.formats.coreml.kit import run
from tests.formats.kit import export_on_photos as export
from tests.formats.kit import network_of, photos, seeded, sqnr_db
from tests.samples import answers


def test_weights_are_compressed(exported: dict[str, tuple[Path, Converted]]) -> None:
    for name, kind in {
        "coreml_weight_only_wi8_afp16": "constexpr_affine_dequantize",
        "coreml_static_wi8_ai8": "constexpr_affine_dequantize",
        "coreml_palettized_wi6_afp16": "constexpr_lut_to_dense",
    }.items():
        path, converted = exported[name]
        assert converted.operators[kind] > 0
        assert converted.float32_path is not None
        assert size_of(converted.float32_path) > 0
        assert sha256_of(converted.float32_path) != sha256_of(path)


def test_channels_of_zeros_are_compressed_soundly(tmp_path: Path) -> None:
    """coremltools divides by their largest value."""
    wide = seeded(Wide)
    with torch.no_grad():
        wide.expand.weight[::2] = 0
    dead = network_of(wide)
    converted = export(dead, load_recipe("coreml_static_wi8_ai8"), tmp_path / "dead.mlpackage")
    executor = Executor(tmp_path / "dead.mlpackage")
    scales = [
        executor.constant(o.inputs["scale"])
        for o in executor.program.operations
        if o.kind == "constexpr_affine_dequantize"
    ]
    assert scales and all(np.all(np.isfinite(scale) & (scale > 0)) for scale in scales)
    rgb = photos(16, seed=6)
    assert sqnr_db(run(tmp_path / "dead.mlpackage", converted, dead, rgb), answers(dead, rgb)) > 20


class Wide(nn.Module):
    """One layer is large enough to be compressed."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU6())
        self.expand = nn.Conv2d(16, 64, 1)
        self.classifier = nn.Linear(64, 5)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.expand(self.stem(x)).relu().mean((2, 3)))
        return logits
