"""The answer is found in whatever else arrives, and nothing arrives without end."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ca_deploy.devices import open_device
from ca_deploy.devices._link import ask
from ca_deploy.devices._marks import Heard, Marks
from ca_deploy.devices._shell import read_conditions, read_probe
from ca_deploy.errors import DeviceError, RuntimeUnavailable
from ca_deploy.latency import runner_output
from ca_deploy.records.devices import Completed


class Pipe:
    """A link to this machine's sh, behind something that prints before it."""

    name, base = "a device", "/nowhere"
    python: str | None = None

    def __init__(self, before: str = "") -> None:
        self.before = before

    def start(self, script: str) -> "subprocess.Popen[bytes]":
        command = f'{self.before}\nexec sh -c "$SCRIPT" 2>&1'
        pipe, environment = subprocess.PIPE, {"SCRIPT": script, "PATH": "/usr/bin:/bin"}
        return subprocess.Popen(["sh", "-c", command], env=environment, stdin=pipe, stdout=pipe, stderr=pipe)

    watch = start

    def send(self, files: Sequence[Path], folder: str, timeout_s: float) -> None: ...
    def fetch(self, remote: str, local: Path, timeout_s: float) -> None: ...
    def close(self) -> None: ...

    def explain(self, heard: Heard) -> str:
        return f"begun: {heard.begun}, code {heard.code}, printed: {heard.printed}"


@pytest.mark.parametrize(
    "before",
    [
        "echo Welcome",
        "printf 'no line break'; echo",
        "printf 'WARNING: linker\\r\\n' >&2; printf '\\033[31mred\\033[0m\\n'",
        'echo "$SCRIPT"',  # a shell that echoes what it gets
        "echo ca-deploy-begin-0123456789abcdef; echo ca-deploy-end-0123456789abcdef",
    ],
)
def test_what_is_printed_before_is_skipped(before: str) -> None:
    noisy = "cat /no/such/file\nprintf 'a\\000ca-deploy-end\\r\\n'"
    assert ask(Pipe(before), noisy, 30) == b"a\0ca-deploy-end\r\n"


def test_line_ends_of_a_terminal() -> None:
    marks = Marks()
    output = subprocess.run(["sh", "-c", marks.around("echo fine")], capture_output=True).stdout
    assert marks.answer(b"motd\r\n" + output.replace(b"\n", b"\r\n")) == b"fine\r\n"


def test_what_came_instead_is_shown() -> None:
    with pytest.raises(DeviceError, match=r"begun: False, code 3, printed: Go away\\x1b\[0m$"):
        ask(Pipe("printf 'Go\\n  away\\033[0m\\n'; exit 3"), "echo fine", 30)
    with pytest.raises(DeviceError, match="begun: True, code 9"):
        ask(Pipe(), "exit 9", 30)


def test_an_endless_answer_is_ended() -> None:
    with pytest.raises(DeviceError, match=r"a device: the answer was refused: more than 1 MiB"):
        ask(Pipe(), "yes", 60, most=2**20)
    with pytest.raises(DeviceError, match="no answer in 1 s"):
        ask(Pipe(), "sleep 60", 1)


def test_complaints_without_end_do_not_matter() -> None:
    assert ask(Pipe("head -c 10000000 /dev/zero >&2"), "echo fine", 30) == b"fine\n"


def test_names_of_a_megabyte_and_a_million_cores() -> None:
    lines = [f"model={'x' * 2**20}\x1b[31m", f"os={'y' * 2**20}", "max_khz=99999999999 5", f"max_khz=3 {'9' * 5000}"]
    cpuinfo = [f"cpuinfo=processor\t: {number}" for number in range(100_000)]
    info = read_probe("adb:1", "\n".join([*lines, *cpuinfo, f"cpuinfo=Features\t: {'z' * 2**20}"]))
    assert len(info.model) < 250
    assert len(info.cores) == 1024
    assert len(info.os) + len(info.cpu_features[0]) < 500
    seen = read_conditions(f"khz=0 {'9' * 5000}\nload={'9' * 400} 0\nbattery=level: 1e999\nkhz={'9' * 50} 1\n")
    assert (seen.clocks_khz, seen.load_1min, seen.battery_percent) == ({}, None, None)


def report(**changes: object) -> bytes:
    empty: list[int] = []
    times = {f"{name}_ns": empty for name in ("warmup", "start", "set_input", "get_output")}
    known = {"runtime": "litert", "runtime_version": "1", "load_ns": 1, "first_ns": 1, "invoke_ns": [1], **times}
    tensors = {"inputs": empty, "outputs": empty, "delegate": None, "peak_rss_kb": 1}
    return json.dumps({**known, **tensors, **changes}).encode()


def test_a_report_from_a_newer_runner_is_read() -> None:
    found = runner_output.parse(Completed(0, b"noise\n" + report(later="x"), b""), "a.tflite", "a phone")
    assert found.invoke_ns == (1,)


@pytest.mark.parametrize(
    "content",
    [
        b'{"invoke_ns":' + b"[" * 500_000,
        b'{"invoke_ns":' + b'{"a":' * 50_000,
        report(invoke_ns=[10**4000]),
        report(invoke_ns=[1e300]),
        report(load_ns="many"),
        report(load_ns=-1),
        report(first_ns=True),
        report(runtime="x" * 2**20),
        report(inputs=[{"name": "x" * 2**20, "type": "int8", "shape": [1]}]),
        report(inputs=[{"name": "x", "type": "int8", "shape": [-1]}]),
        report(outputs={"a": 1}, invoke_ns=None),
        report(delegate={"name": ["a"]}),
        b'{"invoke_ns": [NaN], "load_ns": Infinity}',
    ],
)
def test_hostile_reports_are_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(RuntimeUnavailable) as refused:
        runner_output.parse(Completed(0, content, b"\x1b[31mred"), "a.tflite", "a phone")
    assert len(str(refused.value)) < 1000
    assert str(refused.value).isprintable()


def test_an_ssh_that_never_stops_printing_leaves_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ssh, sockets = tmp_path / "ssh", tmp_path / "tmp"
    ssh.write_text("#!/bin/sh\nexec cat /dev/zero\n")
    ssh.chmod(0o755)
    sockets.mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("tempfile.tempdir", str(sockets))
    with pytest.raises(DeviceError, match="and no end"), open_device("ssh://u@nowhere.invalid") as device:
        device.probe()
    assert not list(sockets.iterdir())
