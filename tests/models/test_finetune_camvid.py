"""The example that trains DeepLabV3 on masks: it learns, goes on after an interruption, and its INT8 file agrees."""

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

SCRIPT = Path(__file__).parents[2] / "examples" / "finetune_camvid.py"
EPOCHS = 4


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of a bright sky (0) over a dark road (3), with a border that does not count (11)."""
    root, random = tmp_path_factory.mktemp("masks"), np.random.default_rng(0)
    for name in ("images", "masks"):
        (root / name).mkdir()
    for number in range(64):
        horizon = int(random.integers(16, 48))
        mask = np.full((64, 80), 3, np.uint8)
        mask[:horizon] = 0
        pixels = np.where(mask[..., None] == 0, [150, 190, 240], [70, 65, 60]) + random.normal(0, 12, (64, 80, 3))
        mask[:, :2] = 11
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / "images" / f"{number}.png")
        Image.fromarray(mask).save(root / "masks" / f"{number}.png")
    (root / "masks.toml").write_text("ignore = [11]\n")
    return root


def test_it_learns_goes_on_and_its_file_agrees(data: Path, tmp_path: Path) -> None:
    backbone, output = tmp_path / "backbone.safetensors", tmp_path / "deeplab.safetensors"
    save_checkpoint(mobilenet_v2(), backbone, {})
    command = [sys.executable, SCRIPT, "--train", data, "--val", data, "--backbone", backbone, "--output", output]
    command += ["--epochs", EPOCHS, "--size", 64, "--batch", 8]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert "epoch 1/" in running.stdout.readline()
        running.kill()
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    assert "going on after epoch" in done.stdout
    record = json.loads(output.with_name("deeplab.safetensors.json").read_text())
    losses = [epoch["loss"] for epoch in record["curve"]]
    assert len(losses) == EPOCHS
    assert losses[-1] < 0.7 * losses[0]
    other = subprocess.run([*map(str, command), "--seed", "1"], capture_output=True, text=True, check=False)
    assert "remove it, or give the same settings" in other.stderr

    source = ModelSource("deeplabv3_mobilenet_v2_ca", weights=output)
    calibration = str(data / "images")
    (file,) = ca_deploy.export(
        source, formats=["onnx"], int8=True, calibration=calibration, calibration_count=32, held_out=32, output=tmp_path
    )
    assert file.manifest.parity.agreement is not None
    assert file.manifest.parity.agreement >= 97
    assert file.manifest.labels is not None
    found = ca_deploy.evaluate(file.path, data, against=source.model, source=ModelSource(weights=output))
    assert set(found.figures) == {"mean IoU", "pixel accuracy"}
    assert found.paired is not None
    assert found.paired.agreement is not None
