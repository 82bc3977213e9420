"""A runtime that fails while it runs a file, in whatever way, is one message and exit code 2."""

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from ca_deploy.cli import app
from ca_deploy.errors import RuntimeUnavailable
from ca_deploy.runtimes import open_session
from tests.graphs.test_validity import onnx_model
from tests.mil.test_package import write_package


def test_onnx_runtime_out_of_memory(tmp_path: Path) -> None:
    size = numpy_helper.from_array(np.array([10**10], np.int64), "size")
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    nodes = [
        helper.make_node("ReduceSum", ["image"], ["s"], keepdims=0),
        helper.make_node("Cast", ["s"], ["i"], to=TensorProto.INT64),
        helper.make_node("Add", ["i", "size"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [image], [y], [size])
    path = tmp_path / "bomb.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    flags = ["--mean", "0", "0", "0", "--std", "1", "1", "1"]
    done = CliRunner().invoke(app, ["parity", str(path), "--against", str(path), *flags])
    assert done.exit_code == 2 and "bomb.onnx fails in ONNX Runtime" in done.stderr, done.output
    assert done.stderr.count("Error: ") == 1


def test_feeds_of_another_shape(tmp_path: Path) -> None:
    session = open_session(onnx_model(tmp_path / "model.onnx", helper.make_node("Relu", ["x"], ["y"])))
    assert session.run({"x": np.zeros((1, 4), np.float32)})["y"].shape == (1, 4)
    with pytest.raises(RuntimeUnavailable, match=r"model\.onnx fails in ONNX Runtime"):
        session.run({"x": np.zeros((2, 5), np.float32)})
    reference = open_session(write_package(tmp_path / "model.mlpackage", "matmul"), "mil")
    with pytest.raises(RuntimeUnavailable, match=r"model\.mlpackage fails in reference executor"):
        reference.run({"x": np.zeros((1, 4), np.float32)})


def test_native_code_that_crashes_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "python"
    fake.write_text(f'#!/bin/sh\ncase "$*" in *_trial*) kill -SEGV $$;; esac\nexec {sys.executable} "$@"\n')
    fake.chmod(0o755)
    path = onnx_model(tmp_path / "model.onnx", helper.make_node("Relu", ["x"], ["y"]))
    monkeypatch.setattr(sys, "executable", str(fake))
    done = CliRunner().invoke(app, ["parity", str(path), "--against", str(path)])
    assert done.exit_code == 2 and "crashes runtime onnxruntime, which was killed by SIGSEGV" in done.stderr, (
        done.output
    )


def test_a_size_that_no_photo_has(tmp_path: Path) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 2**40, 2**40])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    path = tmp_path / "huge.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    flags = ["--mean", "0", "0", "0", "--std", "1", "1", "1"]
    done = CliRunner().invoke(app, ["parity", str(path), "--against", str(path), *flags])
    assert done.exit_code == 2 and "larger than any network takes" in done.stderr, done.output
