"""What is not a regular file in the place of one: each verb refuses it at once, in a line that says what it is."""

import os
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ca_deploy.cli import app
from ca_deploy.files import other_kind
from tests.latency.models import onnx_file

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")

EXPORT = ["export", "--format", "onnx", "--output", "out"]
COMMANDS = [
    ["check", "X.onnx"],
    ["check", "X.tflite"],
    ["check", "X.mlpackage"],
    ["parity", "X.onnx"],
    ["parity", "good.onnx", "--against", "X.onnx"],
    ["parity", "good.onnx", "--against", "good.onnx", "--load-inputs", "X.npz"],
    ["profile", "X.tflite"],
    ["profile", "good.onnx", "--inputs", "X.npz"],
    ["profile", "good.onnx", "--bundle", "X.zip"],
    ["profile", "--compare", "X.json", "X.json"],
    ["evaluate", "X.onnx", "--data", "."],
    ["evaluate", "mobilenet_v2_ca", "--data", "X.png"],
    [*EXPORT, "X.pt2"],
    [*EXPORT, "--weights", "X.pth"],
    [*EXPORT, "--weights", "X.safetensors"],
    [*EXPORT, "--weights", "X.safetensors.index.json"],
    [*EXPORT, "--labels", "X.txt"],
    [*EXPORT, "--int8", "--calibration", "X.toml"],
    [*EXPORT, "--int8", "--calibration", "X.npz"],
    ["export", "--recipe", "X.toml", "--output", "out"],
    ["distill", "--output", "X.png", "--weights", "X.pth"],
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    onnx_file(tmp_path / "good.onnx", 8, 2)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", ["pipe", "device", "loop"])
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_each_is_refused_at_once(arguments: list[str], kind: str, folder: Path) -> None:
    for name in {text for text in arguments if text.startswith("X.")}:
        if kind == "pipe":
            os.mkfifo(name)
        else:
            Path(name).symlink_to("/dev/zero" if kind == "device" else name)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2 and isinstance(done.exception, SystemExit), done.output
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1 and "X." in lines[0], done.output
    assert any(word in lines[0] for word in ("named pipe", "a device", "a link", "not a folder")), lines


def test_results_do_not_replace_what_is_not_a_file(folder: Path) -> None:
    """As root, /dev/null would be a file from then on."""
    os.mkfifo("x.npz")
    done = CliRunner().invoke(app, ["parity", "good.onnx", "--against", "good.onnx", "--save-inputs", "x.npz"])
    assert done.exit_code == 2 and "x.npz is a named pipe" in done.stderr, done.output
    assert Path("x.npz").is_fifo()


def test_what_each_kind_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket has to be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        assert other_kind(Path("socket")) == "is a socket, not a regular file"
    (tmp_path / "lost").symlink_to("nowhere")
    assert other_kind(tmp_path / "lost") == "is a link to a file that does not exist"
    assert other_kind(tmp_path) == "is a folder" and other_kind(tmp_path / "none") == "does not exist"
    assert other_kind(Path("/dev/null")) == "is a device, not a regular file" and not other_kind(Path(__file__))
