"""What SECURITY.md promises: its sentences name tests that exist, and whatever is opened is treated as data."""

import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ca_deploy.cli import app
from ca_deploy.errors import RuntimeUnavailable
from ca_deploy.latency import runner_output
from ca_deploy.records.devices import Completed
from tests.latency.models import onnx_file

TESTS = Path(__file__).parent
SECURITY = (TESTS.parent / "SECURITY.md").read_text(encoding="utf-8")


class Payload:
    """Leaves a canary where it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (str(self.canary), "w")


def test_every_sentence_names_tests_that_exist() -> None:
    rows = [line.split(" | ") for line in SECURITY.splitlines() if line.startswith("| ") and "---" not in line]
    sentences = [row for row in rows if row[0] != "| statement"]
    assert len(sentences) > 20
    for sentence, tests in sentences:
        named = re.findall(r"`([\w/]*?\.py)?(?:::(test_\w+))?`", tests)
        assert named or "the same" in tests, sentence
        file = ""
        for other, function in named:
            file = other or file
            source = (TESTS / file).read_text(encoding="utf-8")
            assert not function or f"def {function}(" in source, (file, function)


def pickled_array(path: Path, payload: Payload) -> None:
    np.savez(path, pixels=np.array([payload], dtype=object), sha256=np.array(["x"]))


def pickled(path: Path, payload: Payload) -> None:
    path.write_bytes(pickle.dumps(payload))


def zipped(path: Path, payload: Payload) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("data.pkl", "archive/data.pkl", "../climbed", "/absolute", "bundle.json"):
            archive.writestr(name, pickle.dumps(payload))


EXPORT = ["export", "mobilenet_v2_ca", "--format", "onnx", "--output", "out"]
PARITY = ["parity", "model.onnx", "--against", "model.onnx", "--mean", "0", "0", "0", "--std", "1", "1", "1"]
OPENED = {
    "a recipe": (["export", "--recipe", "x.toml", "--output", "out"], "x.toml", pickled),
    "a calibration set": ([*EXPORT, "--int8", "--calibration", "x.toml"], "x.toml", pickled),
    "a checkpoint": ([*EXPORT, "--weights", "x.pth"], "x.pth", pickled),
    "a zipped checkpoint": ([*EXPORT, "--weights", "x.pth"], "x.pth", zipped),
    "safetensors": ([*EXPORT, "--weights", "x.safetensors"], "x.safetensors", pickled),
    "a program": (["export", "x.pt2", "--format", "onnx", "--output", "out"], "x.pt2", zipped),
    "a program to check": (["check", "x.pt2"], "x.pt2", zipped),
    "labels": ([*EXPORT, "--labels", "x.txt"], "x.txt", pickled),
    "an ONNX model": (["check", "x.onnx"], "x.onnx", pickled),
    "a TFLite model": (["check", "x.tflite"], "x.tflite", pickled),
    "a manifest": (["parity", "model.onnx"], "model.json", pickled),
    "saved inputs": ([*PARITY, "--load-inputs", "x.npz"], "x.npz", pickled_array),
    "a bundle": (["profile", "model.onnx", "--device", "emulated:cortex-a76", "--bundle", "x.zip"], "x.zip", zipped),
    "a folder to report on": (["report", "x.json", "--output", "out.html"], "x.json", pickled),
    "a report": (["profile", "--compare", "x.json", "x.json"], "x.json", pickled),
}


@pytest.mark.parametrize("kind", OPENED)
def test_what_is_opened_is_data(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments, name, write = OPENED[kind]
    folder = tmp_path / "deep" / "folder"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    onnx_file(Path("model.onnx"))
    write(Path(name), Payload(tmp_path / "canary"))
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2, done.output
    assert isinstance(done.exception, SystemExit)
    assert name in done.stderr
    assert not (tmp_path / "canary").exists()
    assert sorted(path.name for path in tmp_path.rglob("*") if "climbed" in path.name) == []


@pytest.mark.parametrize(
    "answer", [b"", b"[" * 100_000, b'{"invoke_ns": "__import__"}', b'{"invoke_ns": [1], "inputs": 5}']
)
def test_a_devices_answer_is_data(answer: bytes, tmp_path: Path) -> None:
    for content in (answer, pickle.dumps(Payload(tmp_path / "canary"))):
        with pytest.raises(RuntimeUnavailable):
            runner_output.parse(Completed(0, content, b""), "model.onnx", "a phone")
    assert not (tmp_path / "canary").exists()
