"""The real adb client against a daemon that fails on purpose: one clear message each, and nothing left behind."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ca_deploy.devices import discover, open_device
from ca_deploy.errors import DeviceError
from ca_deploy.native.bundle import runner_command
from ca_deploy.records.devices import DeviceSummary
from tests.devices.faulty_adbd import FaultyAdbd
from tests.devices.kit import Kit, free_port, wait_until, write_program

GONE = r"was lost|is offline"
Faulty = Callable[..., FaultyAdbd]


@pytest.fixture
def adb(arm_kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The real client with a server of its own."""
    program = tmp_path / "bin" / "adb"
    client = arm_kit.host_command("/usr/lib/android-sdk/platform-tools/adb")
    write_program(program, f"/usr/bin/env TMPDIR={tmp_path} /usr/bin/{client}")
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(free_port()))
    yield program
    subprocess.run([program, "kill-server"], capture_output=True)


@pytest.fixture
def faulty(adb: Path, tmp_path: Path) -> Iterator[Faulty]:
    """``faulty(fault)``: a daemon, and adb's server connected to it."""
    daemons = []

    def start(fault: str, uname: str = "aarch64") -> FaultyAdbd:
        daemon = FaultyAdbd(tmp_path / "device", fault, uname)
        daemons.append(daemon)
        serial = f"127.0.0.1:{daemon.port}"

        def listed() -> bool:
            subprocess.run([adb, "connect", serial], capture_output=True)
            return serial in subprocess.run([adb, "devices"], capture_output=True, text=True).stdout

        wait_until(listed, "adb's connecting")
        return daemon

    yield start
    for daemon in daemons:
        daemon.close()


def name(daemon: FaultyAdbd) -> str:
    return f"adb:127.0.0.1:{daemon.port}"


def nothing_is_left(daemon: FaultyAdbd) -> None:
    def processes() -> str:
        return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout

    wait_until(lambda: not list((daemon.root / "tmp").iterdir()), "cleaning up on the device")
    wait_until(lambda: str(daemon.root / "tmp") not in processes(), "ending processes on the device")


def big_file(folder: Path) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(os.urandom(1_000_000))
    return path


def test_without_faults_it_is_a_device(faulty: Faulty, tmp_path: Path) -> None:
    """Also: a device whose shell has no exit codes."""
    daemon, model = faulty(""), big_file(tmp_path)
    with open_device(name(daemon)) as device:
        places = device.push([model])
        assert device.run(["cmp", places[model], str(model)], 30).returncode == 0
        assert device.run(["sh", "-c", "exit 9"], 30).returncode == 9
        device.pull(places[model], tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == model.read_bytes()
    nothing_is_left(daemon)


def test_unauthorized(faulty: Faulty) -> None:
    daemon = faulty("unauthorized")
    with pytest.raises(DeviceError, match=r"is (unauthorized|offline|authorizing)\. \w+"):
        open_device(name(daemon))
    with pytest.raises(DeviceError, match=name(daemon)):
        open_device("adb")
    (found,) = [summary for summary in discover() if summary.name == name(daemon)]
    assert found.state != "ready"
    assert found.remedy


@pytest.mark.parametrize("fault", ["vanish_in_push", "no_space"])
def test_faults_of_a_push(faulty: Faulty, tmp_path: Path, fault: str) -> None:
    daemon, model = faulty(fault), big_file(tmp_path)
    message = GONE if fault == "vanish_in_push" else "full .*No space left on device"
    with pytest.raises(DeviceError, match=message), open_device(name(daemon)) as device:
        device.push([model])
    nothing_is_left(daemon)


def test_vanishes_in_a_run(faulty: Faulty) -> None:
    daemon = faulty("vanish_in_run")
    with pytest.raises(DeviceError, match=GONE), open_device(name(daemon)) as device:
        device.run(["sh", "-c", ": VANISH; sleep 77"], 60)
    nothing_is_left(daemon)


def test_vanishes_in_a_pull(faulty: Faulty, tmp_path: Path) -> None:
    daemon = faulty("vanish_in_pull")
    with pytest.raises(DeviceError, match=GONE), open_device(name(daemon)) as device:
        place = f"{device.scratch()}/answer.bin"
        device.run(["sh", "-c", f"echo answer > {place}"], 30)
        device.pull(place, tmp_path / "answer.bin")
    nothing_is_left(daemon)


def test_output_that_is_cut(faulty: Faulty) -> None:
    daemon = faulty("cut")
    with pytest.raises(DeviceError, match="the connection broke"), open_device(name(daemon)) as device:
        device.run(["sh", "-c", ": CUT; printf %10000s x"], 30)
    nothing_is_left(daemon)


def test_a_runner_that_is_killed_is_not_an_error_of_the_device(faulty: Faulty) -> None:
    with open_device(name(faulty(""))) as device:
        done = device.run(["sh", "-c", "echo partly; kill -9 $$"], 30)
    assert (done.returncode, done.stdout) == (137, b"partly\n")


@pytest.mark.parametrize(("uname", "reason"), [("armv7l", "32-bit"), ("armv8l", "32-bit"), ("x86_64", "emulator")])
def test_wrong_architectures_are_refused(faulty: Faulty, uname: str, reason: str) -> None:
    with open_device(name(faulty("", uname))) as device:
        info = device.probe()
    assert info.architecture == uname
    with pytest.raises(DeviceError, match=reason):
        runner_command(info, "litert")


def test_phones_that_are_not_there(adb: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"sees no phone.*USB debugging"):
        open_device("adb")
    with pytest.raises(DeviceError, match="serial number R58M"):
        open_device("adb:R58M")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError, match=r"not installed.*apt install adb"):
        open_device("adb")


def test_one_of_two_phones_has_to_be_named(faulty: Faulty, adb: Path, tmp_path: Path) -> None:
    first, second = faulty(""), FaultyAdbd(tmp_path / "second", "")
    try:
        subprocess.run([adb, "connect", f"127.0.0.1:{second.port}"], capture_output=True)
        wait_until(lambda: len([s for s in discover() if s.state == "ready" and "adb:" in s.name]) == 2, "two phones")
        with pytest.raises(DeviceError, match="Several phones"):
            open_device("adb")
        with open_device(name(first)) as one, open_device(name(second)) as other:
            assert one.run(["true"], 30).returncode == other.run(["true"], 30).returncode == 0
    finally:
        second.close()


def test_a_shell_that_warns(faulty: Faulty, tmp_path: Path) -> None:
    """The linker of some phones warns at each start of a program, and ``adb exec-out`` merges both outputs."""
    daemon, model = faulty("noisy"), big_file(tmp_path)
    with open_device(name(daemon)) as device:
        assert device.probe().architecture == "aarch64"
        places = device.push([model])
        done = device.run(["sh", "-c", r"printf 'a\000\r\n'; exit 3"], 30)
        assert (done.returncode, done.stdout) == (3, b"a\0\r\n")
        device.pull(places[model], tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == model.read_bytes()
    nothing_is_left(daemon)


def test_an_answer_without_end(faulty: Faulty) -> None:
    with open_device(name(faulty("endless"))) as device, pytest.raises(DeviceError, match="more than 64 MiB"):
        device.conditions()


WIRELESS = "adb-2233fd19-9mU6UL (2)._adb-tls-connect._tcp"


def test_a_serial_number_with_spaces(faulty: Faulty, adb: Path, tmp_path: Path) -> None:
    """As mDNS gives after a conflict of names; also by the short name, which adb takes too."""
    daemon = faulty("")
    real, serial = adb.rename(adb.with_name("real")), f"127.0.0.1:{daemon.port}"
    adb.write_text(
        f"""#!/bin/bash
# the real adb, whose device has another serial number; an old one says that it starts its server
a=(); for x in "$@"; do [ "$x" = "{WIRELESS}" ] && x={serial}; a+=("$x"); done
[ "$1" = devices ] && echo "* daemon not running; starting now at tcp:5037 *"
{real} "${{a[@]}}" | sed "s/^{serial}  */{WIRELESS} /"
exit ${{PIPESTATUS[0]}}
"""
    )
    adb.chmod(0o755)
    (found,) = discover_phones()
    assert (found.name, found.state, found.detail) == (f"adb:{WIRELESS}", "ready", "Faulty Phone")
    for called in (f"adb:{WIRELESS}", "adb:adb-2233fd19-9mU6UL (2)", "adb"):
        with open_device(called) as device:
            assert device.name == f"adb:{WIRELESS}"
            assert device.run(["echo", "fine"], 30).stdout == b"fine\n"
    with pytest.raises(DeviceError, match="serial number adb-2233fd19"):
        open_device("adb:adb-2233fd19")


def discover_phones() -> list[DeviceSummary]:
    return [summary for summary in discover() if summary.name.startswith("adb:")]


@pytest.mark.parametrize(
    ("line", "serial", "state"),
    [
        ("R58M12 device usb:1-2 product:x model:SM_G973F device:beyond1 transport_id:1", "R58M12", "ready"),
        (
            "0123 no permissions (user in plugdev group; are your udev rules wrong?); see [http://x] usb:1-2",
            "0123",
            "no",
        ),
        ("my device 1    unauthorized transport_id:4", "my device 1", "unauthorized"),
        ("192.168.1.5:5555\toffline", "192.168.1.5:5555", "offline"),
        ("emulator-5554   rescue", "emulator-5554", "rescue"),
    ],
)
def test_lines_of_adb_devices(
    line: str, serial: str, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_program(tmp_path / "adb", f"printf 'List of devices attached\\n%s\\n\\n' '{line}' #")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (found,) = discover_phones()
    assert found.name == f"adb:{serial}"
    assert found.state.startswith(state)


def test_adb_of_an_sdk(faulty: Faulty, adb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = faulty("")
    tools = tmp_path / "sdk" / "platform-tools"
    shutil.copytree(adb.parent, tools)
    monkeypatch.setenv("PATH", os.environ["PATH"].partition(os.pathsep)[2])
    with pytest.raises(DeviceError, match="ANDROID_HOME"):
        open_device(name(daemon))
    monkeypatch.setenv("ANDROID_HOME", str(tools.parent))
    with open_device(name(daemon)) as device:
        assert device.run(["echo", "fine"], 30).stdout == b"fine\n"


def test_a_phone_that_only_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is asked: it is not waited for, since a megabyte without our mark is no greeting."""
    adb = tmp_path / "adb"
    adb.write_text("""#!/bin/sh
[ "$1" = devices ] && printf 'List of devices attached\\nR1 device\\n' && exit
exec yes 'no mark'
""")
    adb.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(DeviceError, match=r"its shell did not run our script.*no mark no mark"):
        open_device("adb").probe()
