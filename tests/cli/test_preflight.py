"""What is wrong with the files that options name is said at once: before PyTorch is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

_CODE = """
import sys
from ca_deploy.cli import app
try:
    app(sys.argv[1:])
except SystemExit as end:
    slow = {"torch", "tensorflow", "onnxruntime", "coremltools"} & set(sys.modules)
    sys.exit(f"{slow} was imported" if slow else end.code)
"""
ONNX = ["export", "--format", "onnx", "--output", "out"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([*ONNX, "--int8", "--calibration", "photos/none"], "photos/none does not exist"),
        ([*ONNX, "--int8", "--calibration", "empty"], "empty has no images"),
        ([*ONNX, "--int8", "--calibration", "bad.toml"], "nonsense: unknown key"),
        ([*ONNX, "--int8", "--calibration", "none.npz"], "none.npz does not exist"),
        (["export", "--recipe", "./bad.toml"], "nonsense: unknown key"),
        ([*ONNX, "--labels", "none.txt"], "none.txt cannot be read"),
        ([*ONNX, "--weights", "none.pth"], "none.pth does not exist"),
        ([*ONNX, "none.pt2"], "none.pt2 does not exist"),
        ([*ONNX, "mobilnet"], "mobilenet_v2"),
        ([*ONNX, "file"], "my_package.my_model:build --weights file"),
        (["export", "--format", "onnx", "--output", "file"], "file is not a folder"),
        (["parity", "none.onnx"], "none.onnx does not exist"),
        (["parity", "model.onnx", "--against", "mobilenet_v2_ca", "--weights", "none.pth"], "none.pth does not exist"),
        (["parity", "model.onnx", "--load-inputs", "none.npz"], "none.npz does not exist"),
        (["parity", "model.onnx", "--save-inputs", "file/x.npz"], "file is not a folder"),
        (["parity", "model.onnx", "--calibration", "photos/none"], "photos/none does not exist"),
        (["evaluate", "mobilenet_v2_ca", "--data", "none"], "none does not exist"),
        (["evaluate", "mobilenet_v2_ca", "--data", "empty"], "has no images"),
        (["evaluate", "model.onnx", "--against", "none.tflite", "--data", "."], "none.tflite does not exist"),
        (["profile", "none.onnx"], "none.onnx does not exist"),
        (["profile", "model.onnx", "--inputs", "none.npz"], "none.npz does not exist"),
        (["profile", "model.onnx", "--output", "file"], "file is not a folder"),
        (["distill", "--output", "file"], "file is not a folder"),
        (["distill", "--output", "out", "--weights", "none.pth"], "none.pth does not exist"),
        (["check", "none.tflite"], "none.tflite does not exist"),
        (["check", "--before", "mobilenet_v2_ca", "--weights", "none.pth"], "none.pth does not exist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_it_is_found_first(arguments: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "model.onnx").write_bytes(b"not read yet")
    (tmp_path / "bad.toml").write_text("nonsense = 1\n")
    done = subprocess.run([sys.executable, "-c", _CODE, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.log"))
