"""Processes that end with this one, however it ends.

Their process group is led by a watcher, which waits for the end of a pipe that only this process holds, and then kills
the group, itself included. The system closes the pipe even after kill -9. PR_SET_PDEATHSIG (prctl(2)) would end a
process with the thread that started it, and neither its own children nor anything on macOS.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Any

_WATCH = "read -r never; kill -9 0"


class Group:
    """A process group without processes of ours yet; to be ended by :meth:`end` or :meth:`leave`.

    A process that is killed while it starts a command does not miss it: until that command is in the group, it holds
    the pipe too.
    """

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []
        self._watcher = subprocess.Popen(
            ["sh", "-c", _WATCH],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={},
            process_group=0,
        )

    def start(self, argv: Sequence[str], **how: Any) -> "subprocess.Popen[bytes]":
        """Start a command in the group; ``how`` is as for :class:`subprocess.Popen`.

        Raises:
            OSError: it cannot be started.
        """
        process = subprocess.Popen(argv, process_group=self._watcher.pid, **how)
        self._started.append(process)
        return process

    def end(self) -> None:
        """Kill everything in the group, and close its streams; may be called more than once."""
        self.kill()
        self.leave()

    def kill(self) -> None:
        """Kill everything in the group; for threads beside the one that reads its streams."""
        if self._watcher.returncode is None:  # otherwise the number may be another group's by now
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._watcher.pid, signal.SIGKILL)

    def leave(self) -> None:
        """Wait for what was started, and close its streams; what that left running, such as adb's server, may live."""
        self._watcher.kill()
        for process in (self._watcher, *self._started):
            process.wait()
            close(process)


def close(process: "subprocess.Popen[bytes]") -> None:
    """Close this side's ends of a process's streams."""
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
