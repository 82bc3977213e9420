"""A model that never ends is ended, after a time that the message names and that the user can choose."""

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from ca_deploy.cli import app
from ca_deploy.devices import open_device
from ca_deploy.errors import RuntimeUnavailable, UsageError
from ca_deploy.processes.time_limit import time_limit_s
from tests.graphs.test_validity import onnx_model


def endless(path: Path) -> Path:
    """A ``Loop`` of 2^62 rounds."""
    x, y, a, b = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xyab")
    number, go_on, still = (
        helper.make_tensor_value_info(name, kind, [])
        for name, kind in (("i", TensorProto.INT64), ("go_on", TensorProto.BOOL), ("still", TensorProto.BOOL))
    )
    nodes = [helper.make_node("Relu", ["a"], ["b"]), helper.make_node("Identity", ["go_on"], ["still"])]
    body = helper.make_graph(nodes, "body", [number, go_on, a], [still, b])
    rounds = numpy_helper.from_array(np.array(2**62), "rounds")
    graph = helper.make_graph(
        [helper.make_node("Loop", ["rounds", "", "x"], ["y"], body=body)], "g", [x], [y], [rounds]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


@pytest.mark.parametrize("verb", ["parity", "evaluate"])
def test_an_endless_loop_is_ended(verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CA_DEPLOY_TIME_LIMIT", "3")
    path = endless(tmp_path / "endless.onnx")
    (tmp_path / "photos" / "rose").mkdir(parents=True)
    other = {"parity": ["--against", str(path)], "evaluate": ["--data", str(tmp_path / "photos")]}[verb]
    done = CliRunner().invoke(app, [verb, str(path), *other])
    assert done.exit_code == 2, done.output
    assert "running it in runtime onnxruntime took longer than 3 s" in done.stderr
    assert "CA_DEPLOY_TIME_LIMIT=3600" in done.stderr


def test_a_check_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nsleep 600\n")
    fake.chmod(0o755)
    path = onnx_model(tmp_path / "model.onnx", helper.make_node("Relu", ["x"], ["y"]))
    monkeypatch.setattr(sys, "executable", str(fake))
    monkeypatch.setenv("CA_DEPLOY_TIME_LIMIT", "1")
    done = CliRunner().invoke(app, ["check", str(path), "--target", "ort_cpu"])
    assert done.exit_code == 2 and "for target ort_cpu took longer than 1 s" in done.stderr, done.output


def test_a_run_that_takes_too_long_costs_its_own_file() -> None:
    """``profile`` goes on with the other files after this error."""
    with open_device("local") as device:
        with pytest.raises(RuntimeUnavailable, match=r"ended after 1 s.*CA_DEPLOY_TIME_LIMIT"):
            device.run(["sleep", "600"], 1.0)
        assert device.run(["echo", "fine"], 60).stdout == b"fine\n"


def test_the_limit_grows_with_the_file_or_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CA_DEPLOY_TIME_LIMIT", raising=False)
    package = tmp_path / "model.mlpackage"
    package.mkdir()
    with (package / "weights.bin").open("wb") as weights:
        weights.truncate(100 * 2**20)
    assert time_limit_s(package) == time_limit_s(package / "weights.bin") == 400
    monkeypatch.setenv("CA_DEPLOY_TIME_LIMIT", "0.5")
    assert time_limit_s(package) == 0.5
    for text in ("", "soon", "-1", "nan", "inf"):
        monkeypatch.setenv("CA_DEPLOY_TIME_LIMIT", text)
        with pytest.raises(UsageError, match="not a number of seconds"):
            time_limit_s(package)
