"""A model that never ends is ended, after a time that the message names and that the user can choose."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from typer.testing import CliRunner

from ca_deploy.cli import app
from ca_deploy.devices import open_device
from ca_deploy.errors import RuntimeUnavailable, UsageError
from ca_deploy.processes.time_limit import time_limit_s
from tests.graphs.test_validity import onnx_model


def endless(path: Path, always: bool = True) -> Path:
    """A ``Loop`` of 2^62 rounds; not ``always``: of 2^40 per input of 1, so none on zeros, which a trial feeds."""
    x, y, a, b = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xyab")
    number, go_on, still = (
        helper.make_tensor_value_info(name, kind, [])
        for name, kind in (("i", TensorProto.INT64), ("go_on", TensorProto.BOOL), ("still", TensorProto.BOOL))
    )
    nodes = [helper.make_node("Relu", ["a"], ["b"]), helper.make_node("Identity", ["go_on"], ["still"])]
    body = helper.make_graph(nodes, "body", [number, go_on, a], [still, b])
    loop = helper.make_node("Loop", ["rounds", "", "x"], ["y"], body=body)
    constants = [numpy_helper.from_array(np.array(2**62), "rounds")]
    counted: list[onnx.NodeProto] = []
    if not always:
        constants = [numpy_helper.from_array(np.float32(2**40), "many")]
        counted = [
            helper.make_node("ReduceL1", ["x"], ["sum"], keepdims=0),
            helper.make_node("Mul", ["sum", "many"], ["product"]),
            helper.make_node("Cast", ["product"], ["rounds"], to=TensorProto.INT64),
        ]
    graph = helper.make_graph([*counted, loop], "g", [x], [y], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


@pytest.mark.parametrize("verb", ["parity", "evaluate"])
def test_an_endless_loop_is_ended(verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CA_DEPLOY_TIME_LIMIT", "3")
    path = endless(tmp_path / "endless.onnx")
    (tmp_path / "photos" / "rose").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "rose" / "1.png")
    other = {"parity": ["--against", str(path)], "evaluate": ["--data", str(tmp_path / "photos")]}[verb]
    done = CliRunner().invoke(app, [verb, str(path), *other])
    assert done.exit_code == 2, done.output
    assert "running it in runtime onnxruntime took longer than 3 s" in done.stderr
    assert "CA_DEPLOY_TIME_LIMIT=3600" in done.stderr


@pytest.mark.parametrize("by_ctrl_c", [False, True])
def test_a_loop_without_end_on_some_inputs_ends_with_the_limit_or_ctrl_c(by_ctrl_c: bool, tmp_path: Path) -> None:
    """The trial passes, and the command itself is in native code, where Python sees no signal."""
    path = str(endless(tmp_path / "endless.onnx", always=False))
    command = [sys.executable, "-m", "ca_deploy", "parity", path, "--against", path]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "CA_DEPLOY_TIME_LIMIT": "600" if by_ctrl_c else "3",
    }
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        if by_ctrl_c:
            time.sleep(6)
            process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    if by_ctrl_c:
        assert process.returncode == 130 and "Interrupted" in said, said
    else:
        assert process.returncode == 2 and "took longer than 3 s" in said, said


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
