"""Commands on this machine that leave no process behind after a timeout, an error or Ctrl-C."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ca_deploy.errors import last_line
from ca_deploy.records.devices import Check, Completed

_VERSION_S = 30.0


def run(
    argv: Sequence[str],
    timeout_s: float,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    give: bytes | None = None,
) -> Completed:
    """Run in a process group of its own, which is killed unless the command ends by itself.

    Raises:
        subprocess.TimeoutExpired: it took longer than ``timeout_s``.
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        argv,
        cwd=cwd,
        env=None if environment is None else {**os.environ, **environment},
        stdin=subprocess.DEVNULL if give is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,
    )
    try:
        stdout, stderr = process.communicate(give, timeout=timeout_s)
    except BaseException:
        end(process)
        raise
    return Completed(process.returncode, stdout, stderr)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and its group, and wait for it."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def last_words(*texts: bytes) -> str:
    """The last line in what a program printed, for messages."""
    return last_line(b"\n".join(texts).decode(errors="replace")) or "no message"


def check_program(name: str, option: str, what_for: str, remedy: str) -> Check:
    """Whether a program is installed here and runs; ``option`` makes it print its version."""
    path = shutil.which(name)
    if path is None:
        return Check(name, "missing", f"for {what_for}", remedy)
    try:
        said = run([path, option], _VERSION_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(name, "missing", f"{path} does not run: {error}", remedy)
    lines = (said.stdout + said.stderr).decode(errors="replace").splitlines()
    return Check(name, "ok", lines[0].strip() if lines else path)
