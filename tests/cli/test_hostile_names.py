"""Names in files that break lines or act on terminals: no verb shows more of them than escape sequences."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper
from PIL import Image
from typer.testing import CliRunner

from ca_deploy.cli import app
from ca_deploy.errors import ArtifactError, ExportFailed, visible
from ca_deploy.graphs import flatbuffer
from tests.onnx_models import onnx_file
from tests.tflite_models import Model, subgraphs

NAME = "x\nforged\r\x1b]0;forged\x07\tforged\u2028forged\u2029\u202eforged\u2066\u200b\x85forged\x0bforged"


def _said(*arguments: object, code: int | None = None) -> str:
    done = CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "1000"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert code in (None, done.exit_code), done.output
    said = done.output
    assert not [line for line in said.split("\n") if line.lstrip(" │|").startswith("forged")], said
    assert not [character for character in said if not character.isprintable() and character != "\n"], said
    return said


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """An ONNX model and a TFLite model of two signatures, all of whose names, their own too, are hostile."""
    folder = tmp_path_factory.mktemp("hostile") / NAME
    folder.mkdir()
    nodes = [
        helper.make_node("Relu", ["x"], [NAME], name=NAME),
        helper.make_node("Neg", [NAME], ["y"], name=f"{NAME}2"),
    ]
    onnx = onnx_file(folder / f"{NAME}.onnx", nodes, ["batch\nforged", 3])
    parts = []
    for operator in ("RELU", "TANH"):
        model = Model("float32")
        model.add(operator, [model.input((1, 4))], (1, 4), name=NAME)
        parts.append(model)
    content = subgraphs(*parts, keys=(NAME, "other"))
    for graph in content.subgraphs:
        for tensor in graph.tensors:
            tensor.name = f"{NAME}{tensor.name}".encode()
    for one in content.signatureDefs:
        one.inputs[0].name = one.outputs[0].name = NAME.encode()
    tflite = folder / f"{NAME}.tflite"
    tflite.write_bytes(flatbuffer.write(content))
    return [onnx, tflite]


@pytest.mark.parametrize("kind", [0, 1], ids=["onnx", "tflite"])
def test_tables(models: list[Path], kind: int, tmp_path: Path) -> None:
    file = models[kind]
    assert "forged" in _said("check", file, "--all")
    assert "forged" in _said("parity", file, "--against", file, code=0)
    quick = ["--runs", 5, "--min-seconds", 0, "--starts", 1, "--output", tmp_path / "out", "--ops"]
    assert "forged" in _said("profile", file, *quick, code=0)
    said = (tmp_path / "out" / "latency.json").read_text()
    assert json.loads(said)["measurements"][0]["file"] == str(file)  # data is exact; JSON escapes it
    ET.parse(tmp_path / "out" / "latency.svg")


@pytest.mark.parametrize("kind", [0, 1], ids=["onnx", "tflite"])
def test_json_and_pictures(models: list[Path], kind: int, tmp_path: Path) -> None:
    file, picture = models[kind], tmp_path / "graph.svg"
    target = ("ort_cpu", "xnnpack")[kind]
    _said("check", file, "--target", target, "--graph", picture, "--all")
    done = CliRunner().invoke(app, ["check", str(file), "--target", target, "--all", "--json"])
    assert json.loads(done.stdout)[0]["file"] == file.name and done.stdout.isascii()
    drawn = "".join(ET.parse(picture).getroot().itertext())
    assert "forged" in drawn and not [c for c in drawn if not c.isprintable() and c != "\n"]
    assert not [line for line in drawn.split("\n") if line.startswith("forged")]


def test_errors(models: list[Path], tmp_path: Path) -> None:
    onnx, tflite = models
    missing = onnx.with_name(f"{NAME}missing.onnx")
    for verb in (["check"], ["parity"], ["profile"], ["evaluate", "--data", onnx.parent]):
        assert "forged" in _said(*verb, missing, code=2)
    _said("parity", onnx, "--against", tflite, code=2)
    _said("profile", onnx, "--input-shape", f"{NAME}=1x3", code=2)
    arrays: dict[str, Any] = {NAME: np.zeros((1, 3), np.float32)}
    np.savez(tmp_path / "x.npz", **arrays)
    _said("profile", onnx, "--inputs", tmp_path / "x.npz", code=2)
    _said("export", f"{NAME}:build", "--format", "onnx", code=2)
    _said("export", NAME, "--format", "onnx", code=2)
    (tmp_path / "x.toml").write_text(f"{json.dumps(NAME)} = {json.dumps(NAME)}\n", encoding="utf-8")
    _said("export", "--recipe", tmp_path / "x.toml", code=2)
    _said("export", "--format", "onnx", "--int8", "--calibration", tmp_path / "x.toml", code=2)
    _said("export", "--format", "onnx", "--weights", missing, code=2)
    _said("export", "--format", "onnx", "--labels", missing, code=2)
    (tmp_path / "x.json").write_text(json.dumps({"schema_version": NAME}), encoding="utf-8")
    _said("profile", "--compare", tmp_path / "x.json", tmp_path / "x.json", code=2)
    _said("check", onnx, "--target", NAME, code=2)
    _said("profile", onnx, "--device", NAME, code=2)
    _said("profile", onnx, "--runs", NAME, code=2)


def test_folders_of_classes_and_photos(tmp_path: Path) -> None:
    for name in ("daisy", NAME):
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.new("RGB", (64, 64)).save(tmp_path / "data" / name / "x.png")
        (tmp_path / "data" / name / f"{NAME}.png").write_bytes(b"no photo")
    _said("evaluate", "mobilenet_v2_ca", "--data", tmp_path / "data")


def test_lines_of_a_message_are_its_own() -> None:
    error = ArtifactError(f"about {NAME}:", f"  {NAME}")
    assert str(error).split("\n") == [visible(f"about {NAME}:"), visible(f"  {NAME}")]
    both = ExportFailed([], {"a": error, "b": error})
    assert str(both).split("\n") == [visible(f"a, b failed: about {NAME}:"), visible(f"  {NAME}")]
