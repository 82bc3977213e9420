"""The gates that are read from a file are those that it computes: the network's, moved by its rounding."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import ca_deploy
from ca_deploy.cli import app
from ca_deploy.errors import ModelError, UsageError
from ca_deploy.evaluation import gates_of_file
from ca_deploy.evaluation.attention_maps import look_into
from ca_deploy.evaluation.gates import Gates
from ca_deploy.evaluation.predictor import open_predictor
from ca_deploy.graphs import Graph, Node
from ca_deploy.graphs import Tensor as FileTensor
from ca_deploy.networks.source import load
from ca_deploy.records.attention import AttentionReport
from tests.pipeline.kit import TINY

FACTORY = "tests.zoo.tiny:tiny_trained"
# The largest error of a gate in each precision: float rounding, 11 bits, steps of 1/256 and what came before.
RECIPES = {
    "onnx_float32": 1e-5,
    "tflite_float32": 1e-5,
    "coreml_float16": 2e-3,
    "onnx_static_wi8_ai8": 0.03,
    "tflite_static_wi8_ai8": 0.03,
}


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)).save(path)
    return path


def flat(report: AttentionReport) -> dict[str, Sequence[float]]:
    (block,) = report.blocks
    return dict(block.values)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_gates_of_a_file_are_its_networks(files: dict[str, Path], photo: Path, recipe: str) -> None:
    network, file = ca_deploy.attention([TINY, str(files[recipe])], photo, against=FACTORY)
    assert file.model == files[recipe].name
    assert file.cam is None
    assert not file.left_alone
    (block,) = file.blocks
    assert sorted(block.differences) == ["columns", "rows"]
    assert max(block.differences.values()) <= RECIPES[recipe]
    if "wi8" in recipe:
        assert min(block.differences.values()) > 0
    for extent, values in flat(network).items():
        np.testing.assert_allclose(block.values[extent], values, rtol=0, atol=RECIPES[recipe])


def test_gates_that_are_others_are_seen_to_be(files: dict[str, Path], photo: Path, tmp_path: Path) -> None:
    network = load(TINY)
    with torch.no_grad():
        network.module.get_submodule("block.attention.conv_h").get_parameter("bias").add_(1)
    path = files["onnx_float32"]
    (block,) = look_into(path, open_predictor(path), network, photo).report.blocks
    assert block.differences["columns"] < 1e-5
    assert block.differences["rows"] > 0.1


def test_the_command_reads_files(files: dict[str, Path], photo: Path, tmp_path: Path) -> None:
    several = [str(files[name]) for name in ("tflite_float32", "tflite_static_wi8_ai8")]
    picture = tmp_path / "gates.png"
    arguments = ["attention", *several, "--image", str(photo), "--against", FACTORY, "--output", str(picture)]
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    exact, rounded = json.loads(done.stdout)
    assert exact["blocks"][0]["differences"]["rows"] < rounded["blocks"][0]["differences"]["rows"]
    assert picture.is_file()


def test_code_is_not_run_because_a_manifest_names_it(files: dict[str, Path], photo: Path) -> None:
    with pytest.raises(UsageError, match="no manifest decides which code runs"):
        ca_deploy.attention(str(files["onnx_float32"]), photo)


def test_a_file_without_gates_is_refused(files: dict[str, Path], photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates_of_file, "_SIGMOIDS", set())
    with pytest.raises(ModelError, match="has no gates that are found"):
        ca_deploy.attention(str(files["coreml_float16"]), photo, against=FACTORY)


def blocks(count: int, shapes: dict[str, tuple[int, int, int]]) -> list[Gates]:
    values = {extent: torch.zeros(shape) for extent, shape in shapes.items()}
    return [Gates(f"block{number}", (f"block{number}",), (5, 5), values) for number in range(count)]


def file_with(shapes: Sequence[tuple[int, ...]]) -> Graph:
    """A file of sigmoids, which names no modules."""
    nodes = [Node(n, f"s{n}", "", "sigmoid", (), (n,)) for n in range(len(shapes))]
    tensors = [FileTensor(f"s{n}", shape, "float32") for n, shape in enumerate(shapes)]
    return Graph("mlpackage", 1, tuple(nodes), tuple(tensors), (), ())


def test_files_without_module_names_are_read_in_order() -> None:
    network = blocks(2, {"rows": (8, 5, 1), "columns": (8, 1, 5)})
    four = file_with([(1, 8, 5, 1), (1, 8, 1, 5), (1, 99, 1, 1), (1, 8, 5, 1), (1, 8, 1, 5)])
    assert [[one.tensor for one in some] for some in gates_of_file._in_order(four, network)] == [
        ["s0", "s1"],
        ["s3", "s4"],
    ]
    five = replace(four, nodes=(*four.nodes, replace(four.nodes[0], index=5)))
    assert gates_of_file._in_order(five, network) == [[], []]
