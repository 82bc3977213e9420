"""The example that trains SSDLite on boxes: it learns, and goes on after an interruption as if there had been none."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ca_deploy
from ca_deploy.models.mobilenet_v2 import mobilenet_v2
from ca_deploy.networks.checkpoint import save_checkpoint
from ca_deploy.records.model import ModelSource

SCRIPT = Path(__file__).parents[2] / "examples" / "finetune_cards.py"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight photos of a dark or a bright box on noise, and their labels."""
    root, random = tmp_path_factory.mktemp("boxes"), np.random.default_rng(0)
    images, annotations = [], []
    for number in range(8):
        pixels = random.integers(90, 160, (96, 128, 3), np.uint8)
        left, top = random.integers(0, 60), random.integers(0, 40)
        pixels[top : top + 50, left : left + 60] = 230 * (number % 2)
        Image.fromarray(pixels).save(root / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 128, "height": 96})
        box = [int(left), int(top), 60, 50]
        annotations.append({"id": number, "image_id": number, "category_id": number % 2, "bbox": box})
    categories = [{"id": 0, "name": "dark"}, {"id": 1, "name": "bright"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "truth.json").write_text(json.dumps(content))
    return root


def test_it_learns_and_goes_on(data: Path, tmp_path: Path) -> None:
    backbone, state, output = (tmp_path / name for name in ("backbone.safetensors", "state.pt", "boxes.safetensors"))
    save_checkpoint(mobilenet_v2(), backbone, {})
    truth = data / "truth.json"
    command = [sys.executable, SCRIPT, "--train", data, "--truth", truth, "--val", truth, "--backbone", backbone]
    command += ["--state", state, "--output", output, "--epochs", 3, "--batch", 4, "--threads", 1]

    def train(*more: object, code: int = 0) -> str:
        done = subprocess.run([*map(str, (*command, *more))], capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    assert "epoch 2" not in train("--stop", 1)
    printed = train()
    assert "epoch 1.000" not in printed
    assert "epoch 3.000" in printed
    assert "has seed 0 and 3 epochs: pass these" in train("--seed", 1, code=1)
    record = json.loads(output.with_suffix(".curve.json").read_text())
    losses = [row["loss"] for row in record["curve"]]
    assert (record["seed"], len(losses)) == (0, 3)
    assert losses[-1] < losses[0]
    assert {"AP", "AP50"} <= record["curve"][-1].keys()
    report = ca_deploy.evaluate("ssdlite320_mobilenet_v2_ca", truth, source=ModelSource(weights=output))
    assert report.figures["AP50"] == pytest.approx(record["curve"][-1]["AP50"], abs=1)  # the weights are in float16
