"""Android phones, through the system's adb. Nothing is installed on them, and root is not needed.

``adb exec-out`` transfers a script's output byte for byte since Android 5; exit codes, which the shells of some devices
lose, are part of that output.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ca_deploy.devices import DeviceKind
from ca_deploy.devices._marks import Heard
from ca_deploy.devices._remote import Remote
from ca_deploy.errors import DeviceError, shown
from ca_deploy.processes.commands import TooMuch, check_program, run
from ca_deploy.records.devices import Check, Completed, DeviceSummary

_INSTALL = (
    "Install Android's platform-tools (Debian, Ubuntu: apt install adb), or set ANDROID_HOME to the folder of the SDK "
    "that has them, and connect the phone by USB."
)
_DEBUGGING = "Enable USB debugging in the phone's developer options (Settings > About > tap the build number 7 times)."
_REMEDIES = {
    "unauthorized": "Unlock the phone and allow USB debugging from this computer.",
    "offline": "Unplug it and plug it in again; if that does not help: adb kill-server.",
    "no permissions": (
        "This user cannot access the USB device: apt install android-sdk-platform-tools-common, and replug it."
    ),
    "recovery": "It is in recovery mode: restart it.",
    "sideload": "It is waiting for an update: restart it.",
    "bootloader": "It is in its bootloader: restart it.",
    "authorizing": "It is being authorised: try again in a moment.",
    "connecting": "It is being connected: try again in a moment.",
}
_PATIENCE_S = 30.0
# A line of `adb devices -l`. A wireless phone's serial number may have spaces: "adb-22-9mU (2)._adb-tls-connect._tcp".
_LISTED = re.compile(
    r"(?P<serial>\S.*?)\s+(?P<state>device|offline|unauthorized|authorizing|connecting|bootloader|recovery|rescue|"
    r"sideload|host|detached|unknown|no permissions\b.*?)(?P<facts>(?:\s+[a-z_]+:\S*)*)\s*"
)
_WIRELESS = "._adb"  # begins the name of the mDNS service in a serial number
_HOMES = ("ANDROID_HOME", "ANDROID_SDK_ROOT")


class _Adb:
    """One phone; ``-s`` is always passed, so that a second one is never used by mistake."""

    base = "/data/local/tmp/ca-deploy"
    python: str | None = None

    def __init__(self, serial: str) -> None:
        self.name = f"adb:{serial}"
        self._serial = serial
        self._adb = [_program(), "-s", serial]

    def start(self, script: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [*self._adb, "exec-out", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def watch(self, script: str) -> "subprocess.Popen[bytes]":
        # exec-out does not forward the end of standard input, by which the phone learns that this process has ended.
        return subprocess.Popen(
            [*self._adb, "shell", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def send(self, files: Sequence[Path], folder: str, timeout_s: float) -> None:
        self._copy(["push", *(str(file) for file in files), f"{folder}/"], timeout_s)

    def fetch(self, remote: str, local: Path, timeout_s: float) -> None:
        self._copy(["pull", remote, str(local)], timeout_s)

    def _copy(self, arguments: list[str], timeout_s: float) -> None:
        try:
            done = run([*self._adb, *arguments], timeout_s)
        except subprocess.TimeoutExpired as error:
            raise DeviceError(f"{self.name}: adb {arguments[0]} did not end in {timeout_s:.0f} s.") from error
        except TooMuch as error:
            raise DeviceError(f"{self.name}: adb {arguments[0]} was ended: {error}") from error
        if done.returncode and b"No space left" in done.stdout + done.stderr:
            raise DeviceError(f"{self.name} is full (No space left on device). Free some space on it.")
        if done.returncode:
            lost = self._not_ready()
            printed = Heard(False, done.stdout, done.stderr, done.returncode).printed
            raise DeviceError(lost or f"{self.name}: adb {arguments[0]} failed. It printed: {printed}")

    def explain(self, heard: Heard) -> str:
        if lost := self._not_ready():
            return lost
        if heard.begun:
            return f"{self.name}: the connection broke in the middle of an answer. Check the cable, and try again."
        printed = f" It printed: {heard.printed}" if heard.printed else ""
        return f"{self.name}: its shell did not run our script. Try: adb -s '{self._serial}' shell echo fine.{printed}"

    def _not_ready(self) -> str | None:
        """What adb says about the state of the phone now; None where that is good."""
        state = {summary.name: summary for summary in _discover()}.get(self.name)
        if state is None:
            return f"{self.name} was lost. Check the cable, and that the phone stays awake."
        return None if state.state == "ready" else f"{self.name} is {state.state}. {state.remedy}"

    def close(self) -> None:
        """adb's server keeps running: it belongs to the user."""


def _open(rest: str, keep: bool) -> Remote:
    """``adb`` takes the only phone; ``adb:SERIAL`` one of several."""
    _program()
    found = {summary.name.partition(":")[2]: summary for summary in _discover()}
    if not rest:
        ready = [serial for serial, summary in found.items() if summary.state == "ready"]
        if len(ready) > 1:
            choices = ", ".join(f"adb:{serial} ({found[serial].detail})" for serial in ready)
            raise DeviceError(f"Several phones are connected: {choices}. Choose one of them with --device.")
        if not ready and found:
            raise DeviceError(" ".join(f"{s.name} is {s.state}. {s.remedy}" for s in found.values()))
        if not ready:
            raise DeviceError(f"adb sees no phone. Connect one by USB. {_DEBUGGING}")
        rest = ready[0]
    if rest not in found:  # adb itself takes the name of a wireless phone without that of its service
        rest = next((serial for serial in found if serial.partition(_WIRELESS)[0] == rest), rest)
    if rest not in found:
        known = f" It sees {', '.join(found)}." if found else f" {_DEBUGGING}"
        raise DeviceError(f"adb sees no phone with the serial number {rest}.{known}")
    if found[rest].state != "ready":
        raise DeviceError(f"{found[rest].name} is {found[rest].state}. {found[rest].remedy}")
    return Remote(_Adb(rest), keep)


def _program() -> str:
    """adb in ``PATH``, or where Android's SDK puts it.

    Raises:
        DeviceError: it is not installed.
    """
    folders = [Path(os.environ[name], "platform-tools") for name in _HOMES if os.environ.get(name)]
    for folder in (None, *folders):
        if found := shutil.which("adb", path=folder):
            return found
    raise DeviceError(f"adb is not installed on this machine. {_INSTALL}")


def devices() -> Completed:
    """``adb devices -l``; starts adb's server if there is none.

    Raises:
        DeviceError: adb is not installed, or does not answer.
    """
    adb = _program()
    try:
        return run([adb, "devices", "-l"], _PATIENCE_S)
    except (subprocess.TimeoutExpired, TooMuch, OSError) as error:
        raise DeviceError(f"`adb devices` did not answer ({error}). Try: adb kill-server") from error


def _discover() -> list[DeviceSummary]:
    try:
        listed = devices()
    except DeviceError as error:
        return [DeviceSummary("adb", "not available", "Android phones", str(error))]
    if listed.returncode:
        printed = Heard(False, listed.stdout, listed.stderr, listed.returncode).printed
        return [DeviceSummary("adb", "not available", "Android phones", f"`adb devices` failed. It printed: {printed}")]
    # What an adb prints while it starts its server stands before the list, or in it with a star.
    _, _, lines = listed.stdout.decode(errors="replace").partition("List of devices attached")
    return [_summary(found) for line in lines.splitlines() if (found := _LISTED.fullmatch(line)) and line[0] != "*"]


def _summary(listed: re.Match[str]) -> DeviceSummary:
    """``R58M123  device usb:1-2 product:x model:SM_G973F device:beyond1 transport_id:1``"""
    state = "no permissions" if listed["state"].startswith("no permissions") else listed["state"]
    facts = dict(word.split(":", 1) for word in listed["facts"].split())
    detail = shown(facts.get("model", "").replace("_", " ")) or "Android phone"
    name = f"adb:{listed['serial']}"
    if state == "device":
        return DeviceSummary(name, "ready", detail)
    return DeviceSummary(name, state, detail, _REMEDIES.get(state, "Unplug it and plug it in again."))


def _requirements() -> list[Check]:
    """adb, and every phone that it sees."""
    try:
        adb = _program()
    except DeviceError:
        adb = None
    phones = [summary for summary in _discover() if summary.name.startswith("adb:")]
    return [check_program("adb", "version", "phones", _INSTALL, adb), *map(_check, phones)]


def _check(phone: DeviceSummary) -> Check:
    if phone.state == "ready":
        return Check(phone.name, "ok", phone.detail)
    return Check(phone.name, "missing", f"{phone.detail}: {phone.state}", phone.remedy)


KIND = DeviceKind("adb", "adb[:SERIAL]", "an Android phone", _open, _discover, _requirements)
