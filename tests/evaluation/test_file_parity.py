"""Two files that nothing is known of: any rank, type and number of tensors, on noise or given inputs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper

import ca_deploy
from ca_deploy.errors import ArtifactError, ImageDataError, UsageError
from ca_deploy.graphs import flatbuffer
from ca_deploy.latency.profile import functions_of
from ca_deploy.runtimes import open_session
from tests.tflite_models import Model, subgraphs

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
Sides = list[int | str]
INPUTS: dict[str, tuple[int, Sides]] = {
    "wave": (FLOAT, ["batch", "length"]),
    "state": (FLOAT, [2, "batch", 4]),
    "ids": (INT64, []),
    "on": (TensorProto.BOOL, [3]),
}


def _file(path: Path, factor: float = 1) -> Path:
    """Four inputs of ranks 0 to 3; outputs of ranks 0 to 3, floats, int64 and bool."""
    nodes = [
        helper.make_node("Constant", [], ["factor"], value_float=float(factor)),
        helper.make_node("Mul", ["wave", "factor"], ["louder"]),
        helper.make_node("Add", ["state", "factor"], ["next"]),
        helper.make_node("Neg", ["ids"], ["less"]),
        helper.make_node("Not", ["on"], ["off"]),
    ]
    results = {"louder": "wave", "next": "state", "less": "ids", "off": "on"}
    inputs = [helper.make_tensor_value_info(name, *INPUTS[name]) for name in INPUTS]
    outputs = [helper.make_tensor_value_info(name, *INPUTS[of]) for name, of in results.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def test_any_rank_and_type_on_noise(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.onnx")
    report = ca_deploy.compare(path, path, input_shape="wave=1x16")
    assert (report.status, report.images, report.image_set) == ("pass", 32, "inputs of noise")
    assert [given.shape for given in report.inputs] == [(1, 16), (2, 1, 4), (), (3,)]
    assert [found.name for found in report.outputs] == ["louder", "next", "less", "off"]
    other = ca_deploy.compare(path, _file(tmp_path / "b.onnx", 2), input_shape=["wave=1x16"])
    assert other.status == "fail" and "louder" in other.reason and "less" not in other.reason


def test_a_size_that_is_open_is_not_guessed(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.onnx")
    with pytest.raises(UsageError, match="--input-shape wave=1xSIZE"):
        ca_deploy.compare(path, path)


def test_given_inputs_and_those_that_are_kept(tmp_path: Path) -> None:
    path, samples, kept = _file(tmp_path / "a.onnx"), tmp_path / "in.npz", tmp_path / "kept.npz"
    states, ids, on = np.zeros((40, 2, 1, 4)), np.arange(40), np.ones((40, 3), bool)
    np.savez(samples, wave=np.random.default_rng(0).normal(size=(40, 1, 9)), state=states, ids=ids, on=on)
    report = ca_deploy.compare(path, path, load_inputs=samples, save_inputs=kept)
    assert (report.status, report.images, report.image_set) == ("pass", 40, "samples in in.npz")
    assert report.inputs[0].text == "wave 1x9 float32"
    assert ca_deploy.compare(path, path, load_inputs=kept).status == "pass"
    np.savez(samples, wave=np.zeros((40, 1, 9)), state=states, ids=ids / 3, on=on)
    with pytest.raises(ImageDataError, match=r"ids is \(40,\) of float64, and has to be .* of int64"):
        ca_deploy.compare(path, path, load_inputs=samples)
    np.savez(samples, wave=np.zeros((39, 1, 9)), state=states, ids=ids, on=on)
    with pytest.raises(ImageDataError, match="39 of wave, 40 of state"):
        ca_deploy.compare(path, path, load_inputs=samples)


def test_integers_against_floats(tmp_path: Path) -> None:
    files = []
    for dtype in ("int8", "float32"):
        model = Model(dtype)
        model.add("RELU", [model.input((1, 6, 2))], (1, 6, 2), version=2 if dtype == "int8" else 1)
        files.append(model.save(tmp_path / f"{dtype}.tflite"))
    report = ca_deploy.compare(*files)
    assert report.status == "pass" and 0 < (report.max_abs_error or 0) < 0.06
    assert ca_deploy.compare(files[1], files[0]).status == "pass"


def test_every_signature_is_compared(tmp_path: Path) -> None:
    models = {}
    for name, change in (("a", 1), ("b", 2)):
        second = Model("float32")
        second.add("RELU" if change == 1 else "ABS", [second.input((1, 4))], (1, 4))
        model = subgraphs(_first(), second, keys=("encode", "decode"))
        models[name] = tmp_path / f"{name}.tflite"
        models[name].write_bytes(flatbuffer.write(model))
    same = ca_deploy.compare(models["a"], models["a"])
    assert same.status == "pass"
    assert [given.name for given in same.outputs] == ["encode/value0", "decode/value0"]
    assert [taken.shape for taken in same.inputs] == [(1, 2), (1, 4)]
    other = ca_deploy.compare(models["a"], models["b"])
    assert other.status == "fail" and "decode: " in other.reason and "encode" not in other.reason


def test_signatures_with_one_key(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(flatbuffer.write(subgraphs(*map(_twice, (Model("float32"), Model("float32"))), keys=("a", "a"))))
    for call in (lambda: ca_deploy.compare(path, path), lambda: functions_of(path)):
        with pytest.raises(ArtifactError, match="several signatures named 'a'"):
            call()


def test_inputs_with_one_name(tmp_path: Path) -> None:
    """One tensor that is listed twice, or two of the same name."""
    for same in (True, False):
        model = Model("float32")
        x, y = model.input((1, 4)), model.input((1, 4))
        model.add("ADD", [x, y], (1, 4), options=schema.AddOptionsT())
        content = model.model()
        content.subgraphs[0].tensors[y].name = content.subgraphs[0].tensors[x].name
        content.subgraphs[0].inputs = [y, y, x] if same else [x, y]
        path = tmp_path / "model.tflite"
        path.write_bytes(flatbuffer.write(content))
        with pytest.raises(ArtifactError, match="several inputs named 'input0'"):
            ca_deploy.compare(path, path)


def test_noise_for_which_there_is_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ca_deploy.evaluation.whole_tensors.available_bytes", lambda: 2**20)
    path = _file(tmp_path / "a.onnx")
    with pytest.raises(UsageError, match="of memory are free"):
        ca_deploy.compare(path, path, input_shape="wave=1x5000")


def _twice(model: Model) -> Model:
    x = model.input((1, 4))
    model.add("ADD", [x, x], (1, 4), options=schema.AddOptionsT())
    return model


def test_shapes_of_signatures_that_share_a_name(tmp_path: Path) -> None:
    path = open_signatures(tmp_path / "x.tflite")
    shapes = ["value0=1x3", "decode/value0=2x5"]
    same = ca_deploy.compare(path, path, input_shape=shapes)
    assert [taken.shape for taken in same.inputs] == [(1, 3), (2, 5)]
    profiled = ca_deploy.profile([path], input_shape=shapes, runs=2, min_seconds=0, starts=1)
    assert [found.inputs[0].shape for found in profiled.measurements] == [(1, 3), (2, 5)]
    with pytest.raises(UsageError, match=r"--input-shape decode/value0=1xSIZE"):
        ca_deploy.profile([path], input_shape="encode/value0=1x3")
    with pytest.raises(UsageError, match=r"nobody/value0: x.tflite takes encode/value0 .*, decode/value0 "):
        ca_deploy.compare(path, path, input_shape=["nobody/value0=1x3"])


def open_signatures(path: Path) -> Path:
    """``encode`` and ``decode``, whose inputs have one name and leave both sides open."""
    content = subgraphs(_first(), _first(), keys=("encode", "decode"))
    for graph in content.subgraphs:
        for tensor in graph.tensors:
            tensor.shapeSignature = [-1, -1]
    path.write_bytes(flatbuffer.write(content))
    return path


def _first() -> Model:
    model = Model("float32")
    model.add("RELU", [model.input((1, 2))], (1, 2))
    return model


def test_a_scalar_stays_one(tmp_path: Path) -> None:
    """TFLite demands the rank that the file says; ONNX Runtime does not."""
    model = Model("float32")
    x = model.input(())
    model.add("ABS", [x], ())
    path = model.save(tmp_path / "a.tflite")
    assert ca_deploy.compare(path, path).status == "pass"
    samples = tmp_path / "in.npz"
    name = open_session(path).inputs[0].name
    for given, count in ((np.float32(3), 1), (np.zeros(40, np.float32), 40)):
        np.savez(samples, **{name: given})  # type: ignore[arg-type]
        assert ca_deploy.compare(path, path, load_inputs=samples).images == count
    np.savez(samples, **{name: np.zeros((2, 2), np.float32)})  # type: ignore[arg-type]
    with pytest.raises(ImageDataError, match=r"has to be \(N,\) of float32"):
        ca_deploy.compare(path, path, load_inputs=samples)


def test_two_files_are_compared_without_pytorch(tmp_path: Path) -> None:
    """It takes longer to import than most files take to run."""
    files = [str(_file(tmp_path / name)) for name in ("a.onnx", "b.onnx")]
    code = (
        f"import sys, ca_deploy\nfound = ca_deploy.compare(*{files!r}, input_shape=['wave=1x8', 'state=2x1x4'])\n"
        "sys.exit('torch' in sys.modules or found.status != 'pass')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
