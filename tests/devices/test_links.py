"""Phones by adb and Linux machines by ssh: the real client and daemon, arm64 programs behind them, and real runs."""

import dataclasses
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import ca_deploy
from ca_deploy import ModelSource
from ca_deploy.devices import Device, open_device
from ca_deploy.errors import DeviceError
from ca_deploy.native.bundle import LOADER, runner_command
from ca_deploy.runtimes import open_session
from tests.devices.kit import Kit
from tests.devices.machines import Machine, phone

_BASE = "/data/local/tmp"  # the home of both machines: adb's folder lies in it, and ssh's .cache


@pytest.fixture(params=["emulated_phone", "emulated_pi"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Machine:
    found: Machine = request.getfixturevalue(request.param)
    monkeypatch.setenv("PATH", found.path_variable())
    return found


@pytest.fixture
def device(machine: Machine) -> Iterator[Device]:
    with open_device(machine.name) as opened:
        yield opened


def left(machine: Machine) -> list[str]:
    """Our files on the device."""
    return machine.shell(f"ls -d {_BASE}/ca-deploy/* {_BASE}/.cache/ca-deploy/* 2> /dev/null").split()


def our_processes(machine: Machine) -> list[str]:
    """Processes there that one of our sessions has started."""
    shown = machine.shell("ps -o args")
    lines = re.sub(r"\S*/ca-deploy/test-kit-\d+/", "", shown).splitlines()  # where the emulator itself is
    return [line for line in lines if "ca-deploy" in line or "sleep 77" in line]


def eventually(true: Callable[[], object]) -> bool:
    for _ in range(50):
        if true():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def int8_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = ModelSource("tests.zoo.tiny:tiny_trained", input_size=32)
    (made,) = ca_deploy.export(network, formats=["tflite"], int8=True, output=tmp_path_factory.mktemp("int8"))
    return made.path


def test_runs_an_exported_file_and_leaves_nothing(machine: Machine, int8_file: Path, tmp_path: Path) -> None:
    session = open_session(int8_file)
    image = np.random.default_rng(0).normal(size=session.inputs[0].shape).astype(np.float32)
    (tmp_path / "image.bin").write_bytes(image.tobytes())
    with open_device(machine.name) as device:
        info = device.probe()
        assert (info.architecture, info.cores[0].part) == ("aarch64", "0xd0b")
        # As on a phone, which has no C library of the usual kind: with our own loader.
        command = runner_command(dataclasses.replace(info, glibc=None), "litert")
        assert command.loader is not None
        assert command.loader.name == LOADER
        places = device.push([*command.files, int8_file, tmp_path / "image.bin"])
        argv = [*command.argv(places), "--model", places[int8_file], "--input", places[tmp_path / "image.bin"]]
        argv += ["--runs", "1", "--min-seconds", "0", "--warmup-runs", "0", "--warmup-seconds", "0"]
        done = device.run([*argv, "--output-prefix", f"{device.scratch()}/answer"], 120)
        assert done.returncode == 0, done.stderr
        device.pull(f"{device.scratch()}/answer0.bin", tmp_path / "answer.bin")
    here = next(iter(session.run({session.inputs[0].name: image}).values()))
    there = np.frombuffer((tmp_path / "answer.bin").read_bytes(), here.dtype).reshape(here.shape)
    np.testing.assert_array_equal(there, here)  # XNNPACK's INT8 results are the same to the bit everywhere
    eventually(lambda: not left(machine) and not our_processes(machine))
    assert (left(machine), our_processes(machine)) == ([], [])


def test_the_device_lends_its_own_loader(device: Device) -> None:
    info = device.probe()
    assert info.glibc is not None
    command = runner_command(info, "litert")
    places = device.push(command.files)
    done = device.run([*command.argv(places), "--probe"], 60)
    assert command.loader is None
    assert b'"runtime":"litert"' in done.stdout


def test_files_are_pushed_once_and_stay_if_asked(machine: Machine, tmp_path: Path) -> None:
    first, same_name = tmp_path / "a" / "my model (1).bin", tmp_path / "b" / "my model (1).bin"
    for number, file in enumerate((first, same_name)):
        file.parent.mkdir()
        file.write_bytes(bytes([number]) * 100_000)
    with open_device(machine.name, keep=True) as device:
        places = device.push([first, same_name])
        assert len(set(places.values())) == 2
        assert device.run(["cat", places[same_name]], 30).stdout == same_name.read_bytes()
    stamp = f"stat -c %Y.%i '{places[first]}'"
    written = machine.shell(stamp)
    assert written
    with open_device(machine.name, keep=True) as device:
        assert device.push([first]) == {first: places[first]}
    assert machine.shell(stamp) == written
    machine.shell(f"rm -rf {_BASE}/ca-deploy {_BASE}/.cache/ca-deploy")


def test_output_and_exit_code_arrive_as_they_are(device: Device) -> None:
    script = r"printf 'a\000\r\n\377'; printf problem >&2; exit 37"
    done = device.run(["sh", "-c", script], 30)
    assert (done.returncode, done.stdout, done.stderr) == (37, b"a\0\r\n\xff", b"problem")
    assert device.run(["/no/such/program"], 30).returncode == 127


def test_a_run_that_takes_too_long_is_ended_there(machine: Machine, device: Device) -> None:
    with pytest.raises(DeviceError, match="no answer in 2 s"):
        device.run(["sleep", "77"], 2)
    assert eventually(lambda: not any("sleep 77" in line for line in our_processes(machine)))
    assert device.run(["echo", "alive"], 30).stdout == b"alive\n"


def test_a_missing_file_there_is_named(device: Device, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="nowhere"):
        device.pull(f"{device.scratch()}/nowhere.bin", tmp_path / "nowhere.bin")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_program_that_is_ended_leaves_nothing(machine: Machine, how: signal.Signals, tmp_path: Path) -> None:
    """Even after SIGKILL, which runs none of our own cleanup: the janitor on the device does it."""
    file = tmp_path / "pushed.bin"
    file.write_bytes(os.urandom(1000))
    code = (
        "import signal\nfrom pathlib import Path\nfrom ca_deploy.delivery.interrupts import interrupt\n"
        "from ca_deploy.devices import open_device\n"
        "for s in (signal.SIGINT, signal.SIGTERM): signal.signal(s, interrupt)\n"
        f"with open_device({machine.name!r}) as device:\n"
        f"    device.push([Path({str(file)!r})])\n    print('pushed', flush=True)\n"
        "    device.run(['sleep', '77'], 60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"pushed\n"
        assert eventually(lambda: any("sleep 77" in line for line in our_processes(machine)))
        assert left(machine)
        process.send_signal(how)
        process.wait(30)
    finally:
        process.kill()
        process.communicate()
    eventually(lambda: not left(machine) and not our_processes(machine))
    assert (left(machine), our_processes(machine)) == ([], [])


def test_a_full_device_says_so(machine: Machine, device: Device, tmp_path: Path) -> None:
    big = tmp_path / "big.bin"
    with big.open("wb") as file:
        file.truncate(260 * 2**20)  # the machines have 200 MB
    with pytest.raises(DeviceError, match=r"full|No space left|space on it"):
        device.push([big])
    with open_device(machine.name) as again:
        assert again.run(["echo", "fine"], 30).stdout == b"fine\n"


def test_no_process_is_left_here(machine: Machine) -> None:
    def clients() -> set[str]:
        listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True).stdout.splitlines()
        mine = [line for line in listed if str(machine.path.parent) in line and "sshd" not in line]
        return {line for line in mine if "fork-server" not in line and "defunct" not in line}

    before = clients()
    with open_device(machine.name) as device:
        device.run(["true"], 30)
    assert eventually(lambda: clients() <= before)


def test_a_phone_that_runs_no_programs_from_its_folder(
    arm_kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    with phone(arm_kit, tmp_path / "phone", options="noexec") as machine:
        monkeypatch.setenv("PATH", machine.path_variable())
        with open_device(machine.name) as device:
            places = device.push([program])
            with pytest.raises(DeviceError, match=r"/data/local/tmp is mounted noexec\. .*another device"):
                device.run([places[program]], 30)
