"""Files that both runners take as they are: the Python one here, the C one on an emulated ARM."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ca_deploy.devices import open_device
from ca_deploy.errors import ArtifactError
from ca_deploy.latency.jobs import Wishes
from ca_deploy.latency.launch import PYTHON_RUNNER
from ca_deploy.latency.profile import functions_of
from ca_deploy.latency.session import profile_on
from ca_deploy.latency.whole_file import whole
from ca_deploy.native.bundle import runner_command
from ca_deploy.records.parity import Status
from ca_deploy.runtimes import open_session
from tests.devices.kit import Kit
from tests.latency import awkward
from tests.latency.kit import SHORT

ONCE = ["--runs", "1", "--min-seconds", "0", "--warmup-runs", "0", "--warmup-seconds", "0"]
EMULATED = "emulated:cortex-a76"


@pytest.fixture(params=["python", "c"])
def runner(request: pytest.FixtureRequest) -> str:
    if request.param == "c":
        request.getfixturevalue("arm_kit")  # the emulator comes from the same place
    return str(request.param)


def packed(*texts: bytes) -> bytes:
    places = np.cumsum([4 * (len(texts) + 2), *map(len, texts)], dtype=np.int32)
    return np.int32(len(texts)).tobytes() + places.tobytes() + b"".join(texts)


def run(runner: str, model: Path, options: Sequence[str], answer: Path) -> tuple[dict[str, Any], list[bytes]]:
    """The report, and the bytes of each output."""
    arguments = [*ONCE, *options, "--output-prefix", str(answer)]
    if runner == "python":
        command = [sys.executable, str(PYTHON_RUNNER), "--model", str(model), *arguments]
        said = subprocess.run(command, capture_output=True, timeout=120).stdout
    else:
        with open_device(EMULATED) as device:
            command_there = runner_command(device.probe(), "litert")
            places = device.push([*command_there.files, model])
            said = device.run([*command_there.argv(places), "--model", places[model], *arguments], 120).stdout
    report = json.loads(said)
    assert "error" not in report, report
    return report, [Path(f"{answer}{index}.bin").read_bytes() for index in range(len(report["outputs"]))]


def test_made_up_tokens_are_small(runner: str, tmp_path: Path) -> None:
    report, (found,) = run(runner, awkward.tokens(tmp_path / "tokens.tflite"), [], tmp_path / "out")
    assert report["inputs"][0]["type"] == "int32"
    np.testing.assert_array_equal(np.frombuffer(found, np.float32), np.ones(12))


def test_strings_go_in_and_come_out(runner: str, tmp_path: Path) -> None:
    model = awkward.strings(tmp_path / "strings.tflite")
    (tmp_path / "in.bin").write_bytes(packed("größer".encode(), b""))
    report, (found,) = run(runner, model, ["--input", str(tmp_path / "in.bin")], tmp_path / "out")
    assert report["outputs"][0]["type"] == "string"
    assert found == packed(b"", "größer".encode())
    _, (made_up,) = run(runner, model, [], tmp_path / "out")
    assert made_up == packed(b"0", b"0")


def test_outputs_have_the_size_that_they_turn_out_to_have(runner: str, tmp_path: Path) -> None:
    values = np.linspace(0, 1, 64, dtype=np.float32)
    (tmp_path / "in.bin").write_bytes(values.tobytes())
    model = awkward.unknown_size(tmp_path / "places.tflite")
    report, (found,) = run(runner, model, ["--input", str(tmp_path / "in.bin")], tmp_path / "out")
    expected = np.flatnonzero(values > 0.5)
    assert report["outputs"][0]["shape"] == [len(expected), 1]
    np.testing.assert_array_equal(np.frombuffer(found, np.int64), expected)
    (tmp_path / "in.bin").write_bytes(np.zeros(64, np.float32).tobytes())
    report, (found,) = run(runner, model, ["--input", str(tmp_path / "in.bin")], tmp_path / "out")
    assert (report["outputs"][0]["shape"], found) == ([0, 1], b"")


def test_each_signature_runs_by_its_name(runner: str, tmp_path: Path) -> None:
    model = awkward.two_signatures(tmp_path / "two.tflite")
    (tmp_path / "in8.bin").write_bytes(np.full(8, 3, np.float32).tobytes())
    (tmp_path / "in9.bin").write_bytes(np.full(8, 5, np.float32).tobytes())
    given = ["--input", str(tmp_path / "in8.bin"), "--input", str(tmp_path / "in9.bin")]
    report, (found,) = run(runner, model, ["--signature", "twice", *given], tmp_path / "out")
    assert [tensor["name"] for tensor in report["inputs"]] == ["in8", "in9"]
    np.testing.assert_array_equal(np.frombuffer(found, np.float32), np.full(8, 13))  # in8 + 2 * in9
    report, _ = run(runner, model, ["--signature", "single"], tmp_path / "out")
    assert report["inputs"][0]["shape"] == [1, 4]


def test_shapes_that_are_asked_for(runner: str, tmp_path: Path) -> None:
    model = awkward.two_signatures(tmp_path / "two.tflite")
    report, (found,) = run(runner, model, ["--shape", "3x4", "--shape", "3x4"], tmp_path / "out")
    assert report["outputs"][0]["shape"] == [3, 4]
    assert len(found) == 3 * 4 * 4


@pytest.mark.parametrize("device", ["local", EMULATED])
def test_profile_measures_all_of_them(device: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if device == EMULATED:
        request.getfixturevalue("arm_kit")
    files = [make(tmp_path / f"{name}.tflite") for name, make in awkward.FILES.items()]
    report = profile_on(device, files, Wishes(protocol=SHORT))
    assert report.failures == {}
    assert [found.what for found in report.measurements if found.signature] == [
        "two_signatures.tflite (single)",
        "two_signatures.tflite (twice)",
    ]
    assert len(report.measurements) == len(files) + 1


def test_a_runners_failure_is_one_sentence(arm_kit: Kit, tmp_path: Path) -> None:
    good, broken = awkward.tokens(tmp_path / "good.tflite"), tmp_path / "broken.tflite"
    content = good.read_bytes()
    broken.write_bytes(content[: len(content) // 2])
    report = profile_on(EMULATED, [good, broken], Wishes(protocol=SHORT))
    (said,) = report.failures.values()
    assert said.startswith(f"broken.tflite does not run on {EMULATED}: ")
    assert "{" not in said


def test_weights_behind_the_flatbuffer_are_verified_on_the_device(arm_kit: Kit, tmp_path: Path) -> None:
    file = awkward.weights_behind(tmp_path / "behind.tflite")
    copy = whole(file, tmp_path / "copy")
    assert copy != file
    assert whole(copy, tmp_path / "again") == copy
    (found,) = profile_on(EMULATED, [file], Wishes(protocol=SHORT, verify=True)).measurements
    assert found.verification is not None
    assert found.verification.status is Status.PASS


def test_onnx_weights_beside_the_file_go_along(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.ones((8, 8), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "beside",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    file = tmp_path / "beside.onnx"
    onnx.save(model, file, save_as_external_data=True, location="beside.data", size_threshold=0)
    copy = whole(file, tmp_path / "copy")
    assert list(copy.parent.iterdir()) == [copy]
    (answer,) = open_session(copy).run({"x": np.ones((1, 8), np.float32)}).values()
    np.testing.assert_array_equal(answer, np.full((1, 8), 8))
    (tmp_path / "beside.data").unlink()
    with pytest.raises(ArtifactError, match="Keep these files together"):
        whole(file, tmp_path / "copy")


def test_files_with_one_function_have_no_choice(tmp_path: Path) -> None:
    assert functions_of(awkward.tokens(tmp_path / "one.tflite")) == (None,)
    assert functions_of(awkward.two_signatures(tmp_path / "two.tflite")) == ("single", "twice")
    (tmp_path / "broken.tflite").write_bytes(b"\xff" * 100)
    assert functions_of(tmp_path / "broken.tflite") == (None,)
    assert whole(tmp_path / "broken.tflite", tmp_path) == tmp_path / "broken.tflite"
