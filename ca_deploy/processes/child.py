"""A Python child process that reports to its parent in pickled events.

A crash in native code cannot take down the parent process: it ends the events, and :meth:`Child.ending` says how. The
child and all its own children are killed when the parent leaves the context, or is gone.
"""

import contextlib
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from subprocess import PIPE
from typing import IO, Any

from ca_deploy.processes.group import Group
from ca_deploy.processes.python_path import python_environment, python_module


class Child:
    """The parent's end of ``python -m <module> <arguments>``; a context manager that leaves no process behind.

    Temporary files of the process go into the folder ``scratch``, because one that is killed does not remove them.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        scratch: Path,
        stderr: IO[bytes] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._group = Group()
        self._process = self._group.start(
            python_module(module, *arguments),
            stdin=PIPE,
            stdout=PIPE,
            stderr=stderr,
            env={**python_environment(), **(environment or {}), "TMPDIR": str(scratch)},
        )
        self.pid = self._process.pid
        self.is_late = False

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self._group.end()

    def send(self, content: object) -> None:
        """Send an object to :func:`listen`; where the child has died already, the lack of events shows it."""
        assert self._process.stdin is not None
        payload = pickle.dumps(content)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(len(payload).to_bytes(8) + payload)
            self._process.stdin.flush()

    def hang_up(self) -> None:
        """End a child that listens."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def events(self, limit_s: float = threading.TIMEOUT_MAX) -> Iterator[Any]:
        """The events of the child, until it ends or dies.

        It is killed if it reports nothing for ``limit_s``, and ``is_late`` then.
        """
        assert self._process.stdout is not None
        while True:
            timer = threading.Timer(limit_s, self._end_late)
            timer.daemon = True
            timer.start()
            try:
                event = pickle.load(self._process.stdout)
            except (EOFError, pickle.UnpicklingError):
                return
            finally:
                timer.cancel()
            yield event

    def _end_late(self) -> None:
        self.is_late = True
        self._group.kill()

    def killed_by(self) -> signal.Signals | None:
        """The signal that ended it, if one did."""
        code = self._process.wait()
        return signal.Signals(-code) if code < 0 else None

    def ending(self) -> str:
        """``"was killed by SIGKILL"`` or ``"ended with exit code 7"``."""
        by = self.killed_by()
        return f"was killed by {by.name}" if by else f"ended with exit code {self._process.returncode}"


def reporter(log: str) -> Callable[[object], None]:
    """In the child: a function that sends an event. From here on, everything printed goes to the file ``log``."""
    events = os.fdopen(os.dup(1), "wb")
    print_to(log)

    def report(event: object) -> None:
        pickle.dump(event, events)
        events.flush()

    return report


def print_to(log: str) -> None:
    """In the child: redirect everything printed from here on, by native code too, to a new file ``log``."""
    sys.stdout.flush()
    opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(opened, 1)
    os.dup2(opened, 2)
    os.close(opened)


def listen() -> Callable[[], Any]:
    """In the child: a function that waits for the next object from the parent. Nothing else may read standard input.

    When the parent hangs up, the child ends.
    """
    parent = open(0, "rb", closefd=False)  # noqa: SIM115 - as long as the process

    def receive() -> Any:
        if size := parent.read(8):
            return pickle.loads(parent.read(int.from_bytes(size)))
        os._exit(0)  # at once: libraries may take long to unload

    return receive
