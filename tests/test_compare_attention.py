"""``examples/compare_attention.py`` in miniature: one run per block and seed, none of them twice, and their table."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ca_deploy.models.mobilenet_v2 import mobilenet_v2

ROOT = Path(__file__).parents[1]
BLOCKS = ("none", "se", "cbam", "ca")


def example(*arguments: object) -> str:
    command = [sys.executable, str(ROOT / "examples" / "compare_attention.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Noise of two colours, one per class."""
    chance = np.random.default_rng(0)
    for number, label in enumerate(("blue", "red")):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for count in range(8):
            pixels = chance.integers(0, 100, (36, 36, 3), dtype=np.uint8)
            pixels[..., 2 * (1 - number)] += 150
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{count}.jpg")
    return tmp_path / "photos"


def test_every_block_has_its_run_and_its_row(photos: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(mobilenet_v2().state_dict(), tmp_path / "backbone.pth")
    out = tmp_path / "out"
    train = ("train", "--train", photos, "--val", photos, "--backbone", tmp_path / "backbone.pth", "--output", out)
    small = ("--size", 32, "--epochs", 1, "--batch", 8, "--seeds", 4)
    said = example(*train, *small)
    assert [f"{block} seed 4:" in said for block in BLOCKS] == [True] * 4
    runs = {block: json.loads((out / f"{block}_4.json").read_text()) for block in BLOCKS}
    assert all(run["epochs"] == 1 and 0 <= run["top1_percent"] <= 100 and run["seconds"] > 0 for run in runs.values())
    assert example(*train, *small) == ""  # what exists is not run again
    (out / "cost_ca_default.json").write_text(
        json.dumps({"onnx": {"size_mb": 4, "instructions_m": 77.3, "float_operators": 0, "parity": "pass"}})
    )
    rows = example("table", "--output", out).splitlines()
    assert [row.split(" | ")[0].strip("| ") for row in rows[2:6]] == list(BLOCKS)
    assert "| ca | lowered | onnx | 4.00 | 77.3 | 0 | pass |" in rows
