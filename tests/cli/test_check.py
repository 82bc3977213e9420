"""``ca-deploy check``: what a user sees, exit codes, and every kind of bad input."""

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from typer.testing import CliRunner, Result

from ca_deploy import graphs
from ca_deploy.cli import app
from ca_deploy.errors import ArtifactError
from ca_deploy.targets import targets_for
from tests.onnx_models import onnx_file
from tests.programs import hostile
from tests.tflite_models import Model


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


def _refused(path: Path, *said: str) -> None:
    done = _run(path)
    assert done.exit_code == 2, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.stderr.count("Error: ") == 1
    for text in (str(path), *said):
        assert text in done.output


def _good(dtype: str = "int8") -> Model:
    model = Model(dtype)
    x = model.conv(model.input((1, 8, 8, 16)), (1, 8, 8, 16), 16, "features.0")
    x = model.add("HARD_SWISH", [x], (1, 8, 8, 16), name="features.0.act")
    model.conv(x, (1, 8, 8, 16), 16, "features.1")
    return model


def test_findings_in_words_and_in_json(tmp_path: Path) -> None:
    path = _good().save(tmp_path / "model.tflite")
    told = _run(path, "--target", "xnnpack")
    assert told.exit_code == 1
    for text in ("2/3", "breaks into 2 pieces", "HARD_SWISH", "features.0.act", "relu6", "measured, LiteRT", "kB"):
        assert text in told.output
    (record,) = json.loads(_run(path, "--target", "xnnpack", "--json").stdout)
    (finding,) = record["findings"]
    assert (finding["module"], finding["verdict"], finding["evidence"]) == (
        "features.0.act", "falls back", "measured"
    )  # fmt: skip
    assert finding["cost"] == {"partitions": 1, "bytes_crossing": 2048, "multiply_adds_percent": 0.0}
    assert record["partitions"] == record["measured_partitions"] == 2
    assert len(json.loads(_run(path, "--target", "xnnpack", "--json", "--all").stdout)[0]["findings"]) == 3


def test_progress_is_a_line_per_target_on_standard_error(tmp_path: Path) -> None:
    path = _good().save(tmp_path / "model.tflite")
    for shown in (_run(path, "--target", "xnnpack", "--target", "nnapi:29", "--json").stderr, _run(path).stderr):
        lines = [line.partition("] ")[2] for line in shown.splitlines()]
        assert lines[0].startswith("xnnpack:")  # what every phone has comes first
        assert len(lines) == len(set(lines))
        assert {"xnnpack: checking model.tflite"} < set(lines)
        assert all(line.endswith(": checking model.tflite") for line in lines)


def test_exit_codes(tmp_path: Path) -> None:
    integer, real = _good().save(tmp_path / "integer.tflite"), _good("float32").save(tmp_path / "real.tflite")
    assert _run(real, "--target", "xnnpack").exit_code == 0
    assert _run(integer, "--target", "xnnpack", "--fail-on", "unsupported").exit_code == 0
    assert _run(integer, "--target", "xnnpack", "--fail-on", "falls-back").exit_code == 1
    assert _run(integer, "--target", "xnnpack", "--fail-on", "somewhat").exit_code == 2


def test_an_older_runtime(tmp_path: Path) -> None:
    model = Model("float32")
    model.add("HARD_SWISH", [model.input((1, 8, 8, 16))], (1, 8, 8, 16))
    path = model.save(tmp_path / "model.tflite")
    assert _run(path, "--target", "xnnpack:2.3").exit_code == 0
    older = _run(path, "--target", "xnnpack:1.14")
    assert older.exit_code == 1 and "came with TFLite 1.15.0, after 1.14" in older.output
    assert _run(path, "--target", "xnnpack:new").exit_code == 2


def test_one_line_per_target_and_details_of_those_asked_for(tmp_path: Path) -> None:
    path = _good().save(tmp_path / "model.tflite")
    table, _, details = _run(path).stdout.partition("\n\n")
    assert [line.split()[0] for line in table.splitlines()[1:-1]] == targets_for(path)
    assert targets_for(path)[0] == "xnnpack"
    assert details.startswith("xnnpack (") and "--target NAME" in details
    assert "edgetpu (" not in details and "on xnnpack only" not in details
    asked = _run(path, "--target", "edgetpu", "--target", "xnnpack").stdout
    assert "\n\nedgetpu (" in asked and "\n\nxnnpack (" in asked and "--target NAME" not in asked


def test_a_picture(tmp_path: Path) -> None:
    path = _good().save(tmp_path / "model.tflite")
    done = _run(path, "--target", "xnnpack", "--graph", tmp_path / "out.svg", "--json")
    assert done.exit_code == 1 and len(json.loads(done.stdout)) == 1
    assert f"drawn in {tmp_path / 'out.svg'}" in done.stderr
    boxes = [e for e in ET.parse(tmp_path / "out.svg").getroot().iter() if e.tag.endswith("}g")]
    rectangles = [rectangle for box in boxes if (rectangle := box.find("{*}rect")) is not None]
    assert len(rectangles) == len(boxes)
    colours = {rectangle.attrib["fill"] for rectangle in rectangles}
    assert len(colours) == 3  # two partitions, and what falls between them
    assert "not in int8" in "".join(boxes[1].itertext())
    assert _run(path, "--target", "xnnpack", "--graph", tmp_path / "out.png").exit_code == 1
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    assert _run(path, "--graph", tmp_path / "out.svg").exit_code == 2
    refused = _run(tmp_path / "missing.tflite", "--target", "xnnpack", "--graph", tmp_path / "out.jpg")
    assert refused.exit_code == 2 and ".svg or .png" in refused.stderr


def test_custom_operators_are_named(tmp_path: Path) -> None:
    model = Model("float32")
    x = model.add("CUSTOM", [model.input((1, 8, 8, 16))], (1, 8, 8, 16), custom="TeaLeaves")
    model.add("RELU", [x], (1, 8, 8, 16))
    done = _run(model.save(tmp_path / "model.tflite"))
    assert done.exit_code == 1 and "TeaLeaves" in done.output and "unsupported" in done.output
    path = onnx_file(tmp_path / "model.onnx", [helper.make_node("Leaves", ["x"], ["y"], domain="tea")], [1, 3, 8, 8])
    done = _run(path)
    assert done.exit_code == 1 and "tea:Leaves" in done.output and "unsupported" in done.output


def test_dynamic_shapes_are_checked_as_far_as_they_go(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "model.onnx", [helper.make_node("Relu", ["x"], ["y"])], ["batch", 3, "side", "side"])
    assert _run(path, "--target", "ort_cpu").exit_code == 0
    done = _run(path, "--target", "ort_nnapi")
    assert done.exit_code == 1 and "dynamic shape" in done.output


def test_integer_onnx_that_stays_float(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    constants = [
        numpy_helper.from_array(rng.integers(-99, 99, (8, 3, 1, 1), np.int8), "w"),
        numpy_helper.from_array(np.float32(0.05), "s"),
        numpy_helper.from_array(np.int8(0), "z"),
    ]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wd"]),
        helper.make_node("Conv", ["xd", "wd"], ["c"], name="stem/Conv"),
        helper.make_node("QuantizeLinear", ["c", "s", "z"], ["cq"]),
        helper.make_node("DequantizeLinear", ["cq", "s", "z"], ["cd"]),
        helper.make_node("HardSwish", ["cd"], ["h"], name="stem.act/HardSwish"),
        helper.make_node("QuantizeLinear", ["h", "s", "z"], ["hq"]),
        helper.make_node("DequantizeLinear", ["hq", "s", "z"], ["y"]),
    ]
    path = onnx_file(tmp_path / "model.onnx", nodes, [1, 3, 8, 8], initializer=constants)
    (record,) = json.loads(_run(path, "--target", "ort_cpu", "--json").stdout)
    verdicts = {(f["operator"], f["module"]): f["verdict"] for f in record["findings"]}
    assert verdicts[("HardSwish", "stem.act")] == "float in an INT8 model"
    assert verdicts[("DequantizeLinear", "stem")] == "falls back"
    assert "Conv" not in {operator for operator, _ in verdicts}
    assert "QLinearConv" in record["notes"][0]


@pytest.mark.parametrize("suffix", [".tflite", ".onnx", ".mlpackage", ".pt2"])
def test_what_is_not_a_model(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    _refused(path, "does not exist")
    path.write_bytes(b"PNG, or so" * 30)
    _refused(path)


def test_paths_that_cannot_be_models(tmp_path: Path) -> None:
    (tmp_path / "folder.tflite").mkdir()
    _refused(tmp_path / "folder.tflite", "is a folder")
    (tmp_path / "package.mlpackage").mkdir()
    _refused(tmp_path / "package.mlpackage", "Manifest.json")
    (tmp_path / "empty.onnx").touch()
    _refused(tmp_path / "empty.onnx", "is empty")
    (tmp_path / "model.h5").touch()
    _refused(tmp_path / "model.h5", ".tflite")
    with (tmp_path / "huge.tflite").open("wb") as file:
        file.truncate(2**31 + 1)
    _refused(tmp_path / "huge.tflite", "2 GiB")
    assert _run(_good().save(tmp_path / "model.tflite"), "--target", "ort_cpu").exit_code == 2
    assert _run().exit_code == 2


def test_truncated_files(tmp_path: Path) -> None:
    content = _good().content()
    path = tmp_path / "model.tflite"
    path.write_bytes(content[: len(content) // 2])
    _refused(path, "damaged")
    for length in range(8, len(content) - 1, 37):  # wherever it was cut: refused, or read to the end
        path.write_bytes(content[:length])
        try:
            graphs.read(path)
        except ArtifactError as error:
            assert str(path) in str(error)
    cut = onnx_file(tmp_path / "model.onnx", [helper.make_node("Relu", ["x"], ["y"])], [1, 3])
    cut.write_bytes(cut.read_bytes()[:-9])
    _refused(cut)


def test_damage_inside_a_file_never_ends_the_process(tmp_path: Path) -> None:
    content = bytearray(_good().content())
    rng = np.random.default_rng(1)
    for number in range(4):
        broken = bytearray(content)
        for place in rng.integers(8, len(content), 12):
            broken[place] = rng.integers(256)
        path = tmp_path / f"{number}.tflite"
        path.write_bytes(broken)
        done = _run(path, "--target", "xnnpack")
        assert done.exit_code in (0, 1, 2)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception


def test_external_data_that_is_missing(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.ones((64, 64), np.float32), "w")
    path = onnx_file(
        tmp_path / "a.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], [1, 64], initializer=[weights]
    )
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="a.data", size_threshold=0)
    assert _run(path, "--target", "ort_cpu").exit_code == 0
    (tmp_path / "a.data").unlink()
    _refused(path, "a.data")


def test_a_program_that_would_run_code(tmp_path: Path) -> None:
    content, canary = hostile.members(hostile.programs(tmp_path)["plain"]), tmp_path / "canary"
    content[hostile.INPUTS] = hostile.pickled(canary)
    path = hostile.write(tmp_path / "hostile.pt2", content)
    _refused(path, "was refused", "example inputs in data/sample_inputs/model.pt", "exec")
    assert not canary.exists()


def test_graphs_without_nodes(tmp_path: Path) -> None:
    model = Model()
    model.outputs = [model.input((1, 4))]
    _refused(model.save(tmp_path / "model.tflite"), "no operator")
    _refused(onnx_file(tmp_path / "model.onnx", [], [1]), "no operator")


def test_a_checker_that_crashes_takes_nobody_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "python"
    fake.write_text(f'#!/bin/sh\ncase "$*" in *hexagon*) kill -SEGV $$;; esac\nexec {sys.executable} "$@"\n')
    fake.chmod(0o755)
    path = _good("float32").save(tmp_path / "model.tflite")
    monkeypatch.setattr(sys, "executable", str(fake))
    done = _run(path, "--target", "hexagon", "--target", "xnnpack")
    assert done.exit_code == 2
    assert "The checker of hexagon was killed by SIGSEGV" in done.output and "all of it is accelerated" in done.output
    done = _run(path, "--target", "hexagon")
    assert done.exit_code == 2 and "SIGSEGV" in done.output
