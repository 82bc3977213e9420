"""A segmenter's heads in the files of every format: where a pixel lies in the logits, and the class map in INT8."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import ca_deploy
from ca_deploy.pipeline.export import Export
from ca_deploy.records.model import ModelSource

pytestmark = pytest.mark.usefixtures("warm_converters")

FORMATS = ["onnx", "tflite", "coreml"]
SIZE = (22, 30)  # of which the cells are no whole part


class Cells(nn.Module):
    """Three classes of 6 x 8 cells; always the same network."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self.conv = nn.Conv2d(3, 3, 5, 4, 2)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.conv(x)
        return found


def exported(head: str, output: Path, int8: bool = False) -> dict[str, Export]:
    source = ModelSource(input_size=SIZE, fit="stretch", task="segmentation", head=head)
    done = ca_deploy.export(Cells(), source=source, formats=FORMATS, int8=int8, output=output)
    return {one.manifest.format: one for one in done}


def test_logits_are_resized_with_half_pixel_centres_in_every_runtime(tmp_path: Path) -> None:
    cells = Cells()(torch.randn(1, 3, *SIZE))
    half, corners = (
        nn.functional.interpolate(cells, SIZE, mode="bilinear", align_corners=aligned) for aligned in (False, True)
    )
    assert (half - corners).abs().max() > 0.1  # what another reading of the corners would cost
    for one in exported("resized", tmp_path).values():
        assert one.manifest.signature.outputs[0].shape == (1, 3, *SIZE)
        assert one.passed, one.manifest.parity.reason
        assert one.manifest.parity.max_abs_error == pytest.approx(0, abs=1e-3)
    Image.linear_gradient("L").resize((60, 44)).convert("RGB").save(tmp_path / "photo.png")
    script = next(tmp_path.glob("*.onnx_float32.py"))
    done = subprocess.run([sys.executable, script, tmp_path / "photo.png"], capture_output=True, text=True)
    assert re.fullmatch(r"( *\d+\.\d%  [012]\n)+", done.stdout), done.stderr


def test_class_maps_in_int8(tmp_path: Path) -> None:
    for one in exported("argmax", tmp_path, int8=True).values():
        (given,) = one.manifest.outputs
        assert (given.shape, given.dtype, given.scale) == ((1, *SIZE), "int32", None)
        assert one.manifest.parity.agreement_name == "agreement of pixels"
        assert one.manifest.parity.agreement is not None
        assert one.manifest.parity.agreement > 95, one.manifest.recipe.name
        photo = tmp_path / "photo.png"
        Image.linear_gradient("L").resize((60, 44)).convert("RGB").save(photo)
        found = ca_deploy.predict(one.path, photo)
        assert sum(area.percent for area in found.predictions[0].areas) == pytest.approx(100)
