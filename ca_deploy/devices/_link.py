"""How a device with a shell is reached, and how a script there is asked."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ca_deploy.devices._marks import Heard, Marks
from ca_deploy.errors import DeviceError
from ca_deploy.processes.commands import MOST_BYTES, TooMuch, collect, end
from ca_deploy.processes.group import close


class Link(Protocol):
    """How a device is reached. ``base`` is a folder there, as an expression of its shell; created if missing.

    ``python`` as in :class:`~ca_deploy.devices.Device`.
    """

    name: str
    base: str
    python: str | None

    def start(self, script: str) -> "subprocess.Popen[bytes]":
        """Run a script in the device's ``sh``; its output arrives byte for byte, with whatever else is printed there
        before it. Its standard input is what is written to the process."""

    def watch(self, script: str) -> "subprocess.Popen[bytes]":
        """Run a script whose standard input ends when the link breaks or this process ends, however it ends."""

    def send(self, files: Sequence[Path], folder: str, timeout_s: float) -> None:
        """Copy files, whose names differ, into a folder. Raises ``DeviceError``."""

    def fetch(self, remote: str, local: Path, timeout_s: float) -> None: ...

    def explain(self, heard: Heard) -> str:
        """Why an answer did not arrive, and what to do about it: from what is known to have happened."""

    def close(self) -> None: ...


def ask(link: Link, script: str, timeout_s: float, most: int = MOST_BYTES) -> bytes:
    """The output of a script, which has at most ``most`` bytes.

    Raises:
        DeviceError: it did not come, or not whole, not in time, or does not end.
    """
    marks = Marks()
    process = link.start(marks.around(script))
    try:
        stdout, stderr = collect(process, timeout_s, most)
    except BaseException as error:
        end(process)
        if isinstance(error, subprocess.TimeoutExpired):
            raise DeviceError(
                f"{link.name} gave no answer in {timeout_s:.0f} s: it hangs, is too slow, or the connection is lost."
            ) from error
        if isinstance(error, TooMuch):
            raise DeviceError(f"{link.name}: the answer was refused: {error}") from error
        raise
    close(process)
    answer = marks.answer(stdout)
    if answer is None:
        begun = marks.after_begin(stdout) is not None
        raise DeviceError(link.explain(Heard(begun, stdout, stderr, process.returncode)))
    return answer
