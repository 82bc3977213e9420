"""Commands on this machine that leave no process behind after a timeout, an error, Ctrl-C or kill -9."""

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from ca_deploy.errors import DeviceError, shown
from ca_deploy.processes.group import Group, close
from ca_deploy.records.devices import Check, Completed

_VERSION_S = 30.0
# A report of a million inferences has half of this.
MOST_BYTES = 64 * 2**20
_MOST_COMPLAINTS = 2**16
_LAST_WORDS_S = 2.0


class TooMuch(DeviceError):
    """A program does not stop printing."""


class Drain:
    """Reads a stream in a thread of its own, and keeps its first ``most`` bytes; ``over`` says that more came.

    ``process`` is killed then, if it is given; otherwise what comes later is dropped.
    """

    def __init__(self, stream: IO[bytes], most: int, process: "subprocess.Popen[bytes] | None" = None) -> None:
        self._stream, self._left, self._process = stream, most, process
        self._parts: list[bytes] = []
        self.over = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed
            while data := os.read(self._stream.fileno(), 2**16):
                self._parts.append(data[: self._left])
                self.over = self.over or len(data) > self._left
                self._left = max(0, self._left - len(data))
                if self.over and self._process is not None:
                    self._process.kill()
                    return

    def ended(self, patience_s: float) -> bool:
        """Whether the stream has ended, or ends in ``patience_s``."""
        self._thread.join(max(0.0, patience_s))
        return not self._thread.is_alive()

    @property
    def content(self) -> bytes:
        """What has come so far."""
        return b"".join(self._parts)


def collect(process: "subprocess.Popen[bytes]", timeout_s: float, most: int = MOST_BYTES) -> tuple[bytes, bytes]:
    """Both outputs of a process, to its end; a process that prints more than ``most`` bytes is ended.

    Raises:
        subprocess.TimeoutExpired: it took longer than ``timeout_s``.
        TooMuch: it printed too much.
    """
    assert process.stdout is not None
    assert process.stderr is not None
    deadline = time.monotonic() + timeout_s
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    complaints = Drain(process.stderr, _MOST_COMPLAINTS)
    output = Drain(process.stdout, most, process)
    ended = output.ended(timeout_s)
    if output.over:
        raise TooMuch(f"more than {most / 2**20:.0f} MiB came, and no end.")
    if not ended:
        raise subprocess.TimeoutExpired(process.args, timeout_s)
    process.wait(max(0.0, deadline - time.monotonic()))
    complaints.ended(_LAST_WORDS_S)  # a program that it has left running may keep this stream open
    return output.content, complaints.content


def run(
    argv: Sequence[str], timeout_s: float, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Completed:
    """Run in a process group of its own, which is killed unless the command ends by itself before this process does.

    Raises:
        subprocess.TimeoutExpired: it took longer than ``timeout_s``.
        TooMuch: it printed more than ``MOST_BYTES``.
        OSError: it cannot be started.
    """
    group = Group()
    try:
        process = group.start(
            argv,
            cwd=cwd,
            env=None if environment is None else {**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        stdout, stderr = collect(process, timeout_s)
    except BaseException:
        group.end()
        raise
    group.leave()
    return Completed(process.returncode, stdout, stderr)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process, and wait for it."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    process.wait()
    close(process)


def check_program(name: str, option: str, what_for: str, remedy: str, path: str | None = None) -> Check:
    """Whether a program is installed here and runs; ``option`` makes it print its version.

    ``path`` is where it is, if not in a folder of ``PATH``.
    """
    path = path or shutil.which(name)
    if path is None:
        return Check(name, "missing", f"for {what_for}", remedy)
    try:
        said = run([path, option], _VERSION_S)
    except (OSError, subprocess.TimeoutExpired, TooMuch) as error:
        return Check(name, "missing", f"{path} does not run: {error}", remedy)
    lines = (said.stdout + said.stderr).decode(errors="replace").splitlines()
    return Check(name, "ok", shown(lines[0]) if lines else path)
