"""What looks like a model and is none has a word of its own, and the same in every verb."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ca_deploy.cli import app
from tests.tflite_models import Model

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:32d791\nsize 75400\n"
KINDS = {
    "pointer.tflite": (POINTER, "pointer of git-lfs"),
    "pointer.onnx": (POINTER, "git lfs pull"),
    "model.ort": (b"\x18\0\0\0ORTM", "ORT format"),
    "named.onnx": (b"\x18\0\0\0ORTM", "ORT format"),
    "model.lite": (b"\x18\0\0\0TFL3", "Rename it to .tflite"),
    "MODEL.TFLITE": (b"\x18\0\0\0TFL3", "Rename it to MODEL.tflite"),
}
VERBS: dict[str, tuple[str, ...]] = {
    "check": (),
    "profile": (),
    "parity": ("--mean", "0", "0", "0", "--std", "1", "1", "1"),
    "evaluate": ("--data", "."),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_verb_says_the_same(tmp_path: Path, name: str) -> None:
    content, word = KINDS[name]
    path = tmp_path / name
    path.write_bytes(content)
    said = set()
    for verb, options in VERBS.items():
        done = CliRunner().invoke(app, [verb, str(path), *options])
        assert done.exit_code == 2, (verb, done.output)
        said.add(done.stderr)
    (line,) = said
    assert word in line and line.count("Error: ") == 1


def test_files_compiled_for_an_accelerator(tmp_path: Path) -> None:
    for operator, target, code, word in (
        ("edgetpu-custom-op", "edgetpu", 0, "Compiled for the Edge TPU by edgetpu_compiler"),
        ("edgetpu-custom-op", "xnnpack", 1, "the file that was compiled"),
        ("ethos-u", "xnnpack", 1, "Compiled for Arm's Ethos-U by Vela"),
        ("ethos-u", "nnapi", 1, "compiled for Arm's Ethos-U by Vela"),
    ):
        model = Model("float32")
        model.add("CUSTOM", [model.input((1, 4))], (1, 4), custom=operator)
        done = CliRunner().invoke(app, ["check", str(model.save(tmp_path / "m.tflite")), "--target", target])
        assert (done.exit_code, word in done.stdout) == (code, True), done.stdout
