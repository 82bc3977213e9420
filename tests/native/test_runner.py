"""The runner itself, on this machine with ONNX Runtime: what it prints, what it computes, and how it fails."""

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from ca_deploy.devices import open_device
from ca_deploy.latency.launch import PYTHON_RUNNER
from ca_deploy.native import build
from ca_deploy.native.bundle import RunnerCommand, runner_binary, runner_command
from ca_deploy.runtimes import open_session
from tests.onnx_models import loop_and_branch

pytestmark = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="the runner for this machine is x86-64 Linux"
)
_QUICK = ["--runs", "3", "--min-seconds", "0", "--warmup-runs", "2", "--warmup-seconds", "0"]


@pytest.fixture(scope="module")
def command() -> RunnerCommand:
    with open_device("local") as device:
        return runner_command(device.probe(), "onnxruntime", is_this_machine=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two inputs of different types, two outputs."""
    nodes = [
        helper.make_node("Cast", ["whole"], ["cast"], "cast", to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["real", "cast"], ["product"], "multiply"),
        helper.make_node("Sigmoid", ["product"], ["gate"], "gating"),
    ]
    inputs = [
        helper.make_tensor_value_info("real", TensorProto.FLOAT, [2, 64]),
        helper.make_tensor_value_info("whole", TensorProto.INT8, [64, 32]),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 32]) for name in ("product", "gate")]
    graph = helper.make_graph(nodes, "small", inputs, outputs)
    path = tmp_path_factory.mktemp("runner") / "a model.onnx"
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)]), path)
    return path


def run(command: RunnerCommand, *options: object, cwd: Path | None = None) -> tuple[int, dict[str, Any]]:
    """Exit code and report; the report is one line, and nothing else is on standard output."""
    argv = [*command.argv({file: str(file) for file in command.files}), *(str(option) for option in options)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, cwd=cwd)
    assert done.stdout.count("\n") == 1
    report: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, report


def test_it_computes_what_the_python_package_computes(command: RunnerCommand, model: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    feeds: dict[str, NDArray[np.float32] | NDArray[np.int8]] = {
        "real": random.normal(size=(2, 64)).astype(np.float32),
        "whole": random.integers(-128, 128, (64, 32)).astype(np.int8),
    }
    for name, value in feeds.items():
        (tmp_path / f"{name}.bin").write_bytes(value.tobytes())
    given = [part for name in feeds for part in ("--input", tmp_path / f"{name}.bin")]
    code, report = run(command, "--model", model, *_QUICK, *given, "--output-prefix", tmp_path / "out")
    assert code == 0
    for index, expected in enumerate(open_session(model).run(feeds).values()):
        np.testing.assert_array_equal(np.fromfile(tmp_path / f"out{index}.bin", np.float32), expected.ravel())
    assert report["inputs"][1] == {"name": "whole", "type": "int8", "shape": [64, 32], "bytes": 2048}
    assert [output["name"] for output in report["outputs"]] == ["product", "gate"]


def test_it_reports_every_single_time(command: RunnerCommand, model: Path) -> None:
    _, report = run(command, "--model", model, *_QUICK, "--threads", 1, "--affinity", "0x1")
    assert (report["schema"], report["runtime"], report["threads"]) == (1, "onnxruntime", 1)
    assert report["affinity"] == "0x1"
    assert len(report["warmup_ns"]) == 2
    for key in ("invoke_ns", "start_ns", "set_input_ns", "get_output_ns"):
        assert len(report[key]) == 3
    assert all(time > 0 for time in [report["load_ns"], report["first_ns"], *report["invoke_ns"]])
    assert report["start_ns"] == sorted(report["start_ns"])
    assert report["peak_rss_kb"] > 1000
    assert report["ops"] is None


def test_it_goes_on_for_the_time_that_is_asked_and_no_longer(command: RunnerCommand, model: Path) -> None:
    def span(report: dict[str, Any]) -> float:
        return float(report["start_ns"][-1] - report["start_ns"][0]) / 1e9

    _, longer = run(command, "--model", model, *_QUICK, "--min-seconds", "0.3")
    assert len(longer["invoke_ns"]) > 3
    assert span(longer) > 0.25
    _, ended = run(command, "--model", model, *_QUICK, "--runs", "1000000000", "--max-seconds", "0.2")
    assert len(ended["invoke_ns"]) < 1000000000


def test_time_by_operator(command: RunnerCommand, model: Path, tmp_path: Path) -> None:
    _, report = run(command, "--model", model, *_QUICK, "--ops", cwd=tmp_path)
    assert {(op["name"], op["type"]) for op in report["ops"]} >= {("multiply", "MatMul"), ("gating", "Sigmoid")}
    assert all(len(op["ns"]) == 3 for op in report["ops"])
    assert not list(tmp_path.iterdir())  # ONNX Runtime's own profile is gone


@pytest.mark.parametrize("runner", ["c", "python"])
def test_what_a_loop_runs_is_timed_each_time_and_not_twice(command: RunnerCommand, tmp_path: Path, runner: str) -> None:
    model, rounds = loop_and_branch(tmp_path / "control.onnx", 3, 512), 3
    if runner == "c":
        _, report = run(command, "--model", model, *_QUICK, "--ops", cwd=tmp_path)
    else:
        argv = [sys.executable, str(PYTHON_RUNNER), "--model", str(model), *_QUICK, "--ops"]
        report = json.loads(subprocess.run(argv, capture_output=True, timeout=120, cwd=tmp_path).stdout)
    kinds = [op["type"] for op in report["ops"]]
    assert [kind for kind in kinds if kind in {"Sqrt", "Loop", "Exp", "If"}] == ["Sqrt"] * rounds + [
        "Loop",
        "Exp",
        "If",
    ]
    assert all(len(op["ns"]) >= 3 for op in report["ops"])
    for timed, whole in zip(range(-3, 0), report["invoke_ns"], strict=True):
        assert sum(op["ns"][timed] for op in report["ops"]) <= whole


def packed(*texts: bytes) -> bytes:
    places = np.cumsum([4 * (len(texts) + 2), *map(len, texts)], dtype=np.int32)
    return np.int32(len(texts)).tobytes() + places.tobytes() + b"".join(texts)


def test_strings_sequences_open_sizes_and_outputs_of_unknown_size(command: RunnerCommand, tmp_path: Path) -> None:
    """In ONNX: strings pass through, the places of non-zero values are counted, a sequence is timed and not copied."""
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Gather", ["texts", "swap"], ["swapped"]),
        helper.make_node("NonZero", ["flags"], ["places"]),
        helper.make_node("SplitToSequence", ["flags"], ["parts"]),
    ]
    outputs = [
        value("swapped", TensorProto.STRING, [2]),
        value("places", TensorProto.INT64, [2, "count"]),
        helper.make_tensor_sequence_value_info("parts", TensorProto.INT64, None),
    ]
    inputs = [value("texts", TensorProto.STRING, [2]), value("flags", TensorProto.INT64, ["rows", 4])]
    swap = helper.make_tensor("swap", TensorProto.INT64, [2], [1, 0])
    graph = helper.make_graph(nodes, "odd", inputs, outputs, [swap])
    model = tmp_path / "odd.onnx"
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)]), model)
    (tmp_path / "texts.bin").write_bytes(packed("größer".encode(), b""))
    flags = np.array([[0, 7, 0, 0], [0, 0, 0, 9]])
    (tmp_path / "flags.bin").write_bytes(flags.tobytes())
    given = ["--input", tmp_path / "texts.bin", "--input", tmp_path / "flags.bin"]
    options = ["--model", model, *_QUICK, "--output-prefix", tmp_path / "out", "--shape", "2", "--shape", "2x4"]
    code, report = run(command, *options, *given)
    assert code == 0, report
    assert (tmp_path / "out0.bin").read_bytes() == packed(b"", "größer".encode())
    np.testing.assert_array_equal(np.fromfile(tmp_path / "out1.bin", np.int64).reshape(2, -1), np.nonzero(flags))
    assert [(output["type"], output["shape"]) for output in report["outputs"]] == [
        ("string", [2]),
        ("int64", [2, 2]),
        ("sequence", []),
    ]
    code, report = run(command, *options)  # made up: 0 and 1 of eight, and "0" twice
    assert code == 0, report
    assert (tmp_path / "out0.bin").read_bytes() == packed(b"0", b"0")
    assert set(range(9)) >= {report["outputs"][1]["shape"][1]}
    (tmp_path / "texts.bin").write_bytes(packed(b"one"))
    code, report = run(command, *options, *given)
    assert (code, "the 2 strings of texts" in report["error"]) == (2, True)
    code, report = run(command, *options, "--signature", "main")
    assert (code, report["error"]) == (2, "ONNX files have no signatures")


def test_probe(command: RunnerCommand) -> None:
    import onnxruntime

    code, report = run(command, "--probe")
    assert (code, report["runtime_version"]) == (0, onnxruntime.__version__)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--model", "/no/such.onnx"], "/no/such.onnx"),
        ([], "--model is missing"),
        (["--model", "MODEL", "--input", "/no/such.bin"], "No such file"),
        (["--model", "MODEL", "--input", "SHORT"], "512 bytes of real"),
        (["--model", "MODEL", *["--input", "SHORT"] * 3], "3 input files for a model with 2 inputs"),
        (["--model", "MODEL", "--output-prefix", "/no/such/folder/out"], "No such file"),
        (["--model", "MODEL", "--affinity", "0x0"], "mask"),
        (["--model", "MODEL", "--affinity", "0x8000000000000000"], "are they online?"),
        (["--model", "MODEL", "--affinity", "0xg"], "mask"),
        (["--model", "MODEL", "--affinity", "0x1" + "0" * 400], "mask"),
        (["--model", "MODEL", "--shape", "2xx64"], "--shape takes"),
        (["--model", "MODEL", "--shape", "x".join(["1"] * 17)], "--shape takes"),
        (["--model", "MODEL", *["--shape", "2x64"] * 3], "3 shapes for a model with 2 inputs"),
        (["--model", "MODEL", "--threads", "0"], "--threads"),
        (["--model", "MODEL", "--runs", "many"], "--runs takes a number"),
        (["--model", "MODEL", "--fast", "1"], "unknown option --fast"),
        (["--library", "/no/such.so", "--model", "MODEL"], "/no/such.so"),
        (["--library", "libm.so.6", "--model", "MODEL"], "neither LiteRT"),
    ],
)
def test_failures_are_one_line_of_json(
    command: RunnerCommand, model: Path, tmp_path: Path, options: list[str], reason: str
) -> None:
    (tmp_path / "short.bin").write_bytes(b"short")
    places = {"MODEL": str(model), "SHORT": str(tmp_path / "short.bin")}
    code, report = run(command, *_QUICK, *(places.get(option, option) for option in options))
    assert code == 2
    assert reason in report["error"]


def test_the_shipped_runners_are_built_from_these_sources() -> None:
    provenance = (build.HERE / "bin" / "PROVENANCE.toml").read_text(encoding="utf-8")
    assert f'sources_sha256 = "{build.sources_digest()}"' in provenance, "run `make runner`"


def test_building_gives_the_same_bytes(tmp_path: Path) -> None:
    build.build_runner(tmp_path)
    for architecture in build.TARGETS:
        name = f"runner-{architecture}"
        assert (tmp_path / name).read_bytes() == runner_binary(architecture).read_bytes(), name
    assert (tmp_path / "PROVENANCE.toml").read_text() == (build.HERE / "bin" / "PROVENANCE.toml").read_text()
