"""A full disk, a closed pipe, a folder that is gone, Ctrl-C at any moment: one line each, and no traceback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from onnx import helper

from tests.onnx_models import onnx_file

COMMAND = [sys.executable, "-m", "ca_deploy"]
FIRST_IMPORT = "typer.colors"  # after the command answers Ctrl-C
ROOT = Path(__file__).parents[2]


def run(*arguments: object, **how: Any) -> "subprocess.CompletedProcess[str]":
    how = {"stdout": subprocess.PIPE, "env": {**os.environ, "PYTHONPATH": str(ROOT)}, **how}
    return subprocess.run([*COMMAND, *map(str, arguments)], stderr=subprocess.PIPE, text=True, **how)


def one_line(done: "subprocess.CompletedProcess[str]") -> str:
    lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("[")]
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.parametrize("arguments", [["list", "recipes"], ["list", "models", "--json"], ["--version"], ["--help"]])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_standard_output_on_a_full_disk(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(*arguments, stdout=full)
    assert done.returncode == 2
    assert "cannot be written" in one_line(done) and "No space left" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_progress_that_cannot_be_written_changes_no_result(tmp_path: Path) -> None:
    model = onnx_file(tmp_path / "a.onnx", [helper.make_node("Neg", ["x"], ["y"])], [1, 4])
    command = [*COMMAND, "check", str(model), "--target", "ort_cpu"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=full, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    assert done.returncode == 0 and "all of it is accelerated" in done.stdout


@pytest.mark.parametrize("arguments", [["list", "recipes"], ["list", "recipes", "--json"]])
def test_a_pipe_that_is_closed_ends_it_quietly(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run(*arguments, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_no_standard_streams_at_all() -> None:
    for closed in (">&-", "2>&-", ">&- 2>&-", "2>/dev/full"):
        command = f"{sys.executable} -m ca_deploy check missing.onnx {closed}"
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        assert done.returncode == 2 and "Traceback" not in done.stderr + done.stdout, (closed, done)


@pytest.mark.parametrize("arguments", [["check", "model.onnx"], ["export", "--format", "onnx", "--output", "out"]])
def test_a_working_folder_that_is_gone(arguments: list[str], tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'cd "{gone}" && rmdir "{gone}" && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *COMMAND, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2 and "The current folder was removed" in one_line(done), done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "LONG.onnx"],
        ["parity", "LONG.tflite"],
        ["profile", "LONG.onnx"],
        ["export", "LONG.pt2", "--format", "onnx"],
        ["export", "--weights", "LONG.pth", "--format", "onnx"],
        ["export", "--format", "onnx", "--output", "LONG"],
        ["export", "--format", "onnx", "--labels", "LONG.txt"],
        ["export", "--format", "onnx", "--int8", "--calibration", "LONG/"],
        ["export", "--recipe", "LONG.toml"],
        ["evaluate", "mobilenet_v2_ca", "--data", "LONG"],
        ["profile", "--compare", "LONG.json", "LONG.json"],
        ["distill", "--output", "LONG"],
    ],
    ids=lambda arguments: "_".join(arguments[:2]),
)
def test_names_that_are_too_long(arguments: list[str], tmp_path: Path) -> None:
    done = run(*(text.replace("LONG", "a" * 300) for text in arguments), cwd=tmp_path)
    assert done.returncode == 2 and "Error: " in one_line(done), done.stderr


@pytest.mark.parametrize("milliseconds", [0, 150, 550])
def test_ctrl_c_at_any_moment(milliseconds: int, tmp_path: Path) -> None:
    """From its own first moment on: before it, Python answers, however long a busy machine takes to start it."""
    command = [sys.executable, "-X", "importtime", *COMMAND[1:]]
    process = subprocess.Popen(
        [*command, "export", "--format", "onnx", "--output", "out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    assert process.stderr is not None
    assert any(line.rstrip().endswith(FIRST_IMPORT) for line in process.stderr)
    time.sleep(milliseconds / 1000)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said, said
    assert not list(tmp_path.glob("out/*"))


def test_control_characters_never_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "\x1b]0;owned\x07\x1b[2Jmodel.onnx"
    for arguments in (["check", path], ["parity", path], ["profile", path], ["export", f"{path}:build"]):
        done = run(*arguments, cwd=tmp_path)
        assert done.returncode == 2 and "\x1b" not in done.stderr + done.stdout and "\x07" not in done.stderr, done
    path.write_bytes(b"\x08")
    done = run("check", path)
    assert done.returncode == 2 and "\x1b" not in done.stderr, done.stderr
