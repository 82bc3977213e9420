"""Bad input on the command line: one clear message, exit code 2, no traceback, nothing written."""

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from ca_deploy.cli import app
from tests.programs import hostile

EXPORT = ["export", "--format", "onnx"]


def _refused(arguments: list[str], *said: str) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    for text in said:
        assert text in done.output


def test_checkpoints(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pth"
    empty.touch()
    junk = tmp_path / "junk.safetensors"
    junk.write_bytes(b"not at all")
    out = ["--output", str(tmp_path / "out")]
    _refused([*EXPORT, *out, "--weights", str(tmp_path / "none.pth")], "does not exist")
    _refused([*EXPORT, *out, "--weights", str(empty)], "is empty")
    _refused([*EXPORT, *out, "--weights", str(junk)], "not a complete safetensors file")
    circle: dict[str, object] = {}
    circle["model"] = circle
    torch.save(circle, tmp_path / "circle.pth")
    _refused([*EXPORT, *out, "--weights", str(tmp_path / "circle.pth")], "its entry model leads back")
    _refused([*EXPORT, *out, "mobilenet_v2"], "no trained weights", "--random-weights")
    _refused([*EXPORT, *out, "--num-classes", "10"], "5 classes", "--num-classes 10")
    assert not list(tmp_path.glob("out/*.onnx"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["export", "mobilnet_v2_ca", "--format", "onnx"], "mobilenet_v2_ca"),
        (["export", "--format", "tflight"], "tflite"),
        (["export", "--recipe", "tflite_static_wi8_ai9"], "tflite_static_wi8_ai8"),
        (["parity", "missing.mlpackage", "--mean", "0", "0", "0", "--std", "1", "1", "1"], "does not exist"),
        (["export"], "--format tflite"),
        ([*EXPORT, "--int8", "--fp16"], "use one of them"),
        ([*EXPORT, "--recipe", "tflite_float32"], "contradicts --format onnx"),
        ([*EXPORT, "--random-weights", "--weights", "w.pth"], "contradict"),
        ([*EXPORT, "./model.py"], "package.module:factory"),
        ([*EXPORT, "model.pt2", "--width", "0.5"], "drop --width"),
        ([*EXPORT, "missing.pt2"], "does not exist"),
        ([*EXPORT, "no_such_package.models:build"], "Cannot import"),
        ([*EXPORT, "--crop", "200", "--input-size", "224"], "contradict"),
        ([*EXPORT, "--resize", "100"], "does not fit"),
        ([*EXPORT, "--calibration", "flowers"], "Unknown calibration set"),
        ([*EXPORT, "--calibration", "/no/such/folder"], "does not exist"),
        (["parity", "missing.onnx"], "does not exist"),
        (["evaluate", "mobilenet_v2_ca", "--data", "/no/such/folder"], "does not exist"),
        (["parity", "model.onnx", "--runtime", "onnxruntim"], "onnxruntime"),
    ],
)
def test_flags_and_names(arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _refused(arguments, said)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_empty_calibration_folder(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    _refused([*EXPORT, "--int8", "--calibration", str(tmp_path / "photos"), "--output", str(tmp_path)], "no images")


def test_an_output_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    _refused([*EXPORT, "--output", str(tmp_path / "out")], "not a folder")


def test_a_program_that_would_run_code(tmp_path: Path) -> None:
    content, canary = hostile.members(hostile.programs(tmp_path)["plain"]), tmp_path / "canary"
    content["data/weights/model.pt"] = hostile.pickled(canary)
    path = hostile.write(tmp_path / "hostile.pt2", content)
    _refused([*EXPORT, str(path), "--output", str(tmp_path / "out")], "was refused", "'data/weights/model.pt'")
    assert not canary.exists()


@pytest.mark.parametrize("suffix", [".onnx", ".tflite", ".mlpackage"])
def test_a_damaged_model_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"TFL3" * 30)
    _refused(["parity", str(path), "--against", "mobilenet_v2_ca"], str(path))


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_a_folder_in_the_place_of_a_model_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.mkdir()
    _refused(["parity", str(path), "--against", "mobilenet_v2_ca"], "is a folder")


def test_a_file_without_manifest_asks_for_preprocessing(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, 192])
    graph = helper.make_graph([helper.make_node("Flatten", ["image"], ["answer"])], "flat", [image], [answer])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, tmp_path / "flat.onnx")
    _refused(["parity", str(tmp_path / "flat.onnx"), "--against", "mobilenet_v2_ca"], "--mean and --std")
