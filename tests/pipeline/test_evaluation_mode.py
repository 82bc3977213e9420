"""A program that was saved in training mode is exported with ``--eval``: the files answer as the trained network."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import ca_deploy
from ca_deploy import ModelSource
from ca_deploy.cli import app
from ca_deploy.graphs import read
from tests.zoo.tiny import tiny_trained

pytestmark = pytest.mark.usefixtures("warm_converters")


def test_the_files_of_a_rewritten_program_answer_as_the_trained_network(tmp_path: Path) -> None:
    program = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(tiny_trained().train(), (torch.randn(1, 3, 32, 32),)), program)
    arguments = ["export", str(program), "--format", "onnx", "--format", "tflite", "--calibration", "random"]
    arguments += ["--output", str(tmp_path), "--json"]
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 2
    assert "pass --eval" in " ".join(refused.stderr.split())
    done = CliRunner().invoke(app, [*arguments, "--eval"])
    assert done.exit_code == 0, done.output
    for export in json.loads(done.stdout):
        assert any("--eval rewrote 'stem.1'" in warning for warning in export["manifest"]["warnings"])
        modules = {node.module for node in read(Path(export["path"])).nodes}
        assert any(module.startswith("stem.") for module in modules), modules
        trained = ModelSource("tests.zoo.tiny:tiny_trained", input_size=32)
        found = ca_deploy.compare(export["path"], trained, calibration="random")
        assert found.status == "pass"
        assert found.max_abs_error is not None and found.max_abs_error < 1e-4
