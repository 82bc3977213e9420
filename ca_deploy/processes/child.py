"""A Python process of our own that tells its parent, in pickled events, what it does.

What native code does to such a process reaches nobody else: a crash ends its events, and :meth:`Child.ending` says how.
The child ends itself when its parent is gone; the parent ends it when it leaves the context.
"""

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any

from ca_deploy.processes.python_path import python_environment, python_module


class Child:
    """The parent's end of ``python -m <module> <arguments>``; a context manager that leaves no process behind."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        stderr: IO[bytes] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            python_module(module, *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
            env={**python_environment(), **(environment or {})},
        )
        self.pid = self._process.pid

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def send(self, content: object) -> None:
        """Hand something over, for :func:`listen`; if the child died already, the missing events will tell."""
        assert self._process.stdin is not None
        payload = pickle.dumps(content)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(len(payload).to_bytes(8) + payload)
            self._process.stdin.flush()

    def hang_up(self) -> None:
        """The child, which listens, ends."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def events(self) -> Iterator[Any]:
        """What the child tells, until it ends or dies."""
        assert self._process.stdout is not None
        while True:
            try:
                yield pickle.load(self._process.stdout)
            except (EOFError, pickle.UnpicklingError):
                return

    def killed_by(self) -> signal.Signals | None:
        """The signal that ended it, if one did."""
        code = self._process.wait()
        return signal.Signals(-code) if code < 0 else None

    def ending(self) -> str:
        """``"was killed by SIGKILL"`` or ``"ended with exit code 7"``."""
        by = self.killed_by()
        return f"was killed by {by.name}" if by else f"ended with exit code {self._process.returncode}"


def teller(log: str) -> Callable[[object], None]:
    """In the child: a function that sends an event. From here on all that is printed goes to the file ``log``."""
    events = os.fdopen(os.dup(1), "wb")
    print_to(log)

    def tell(event: object) -> None:
        pickle.dump(event, events)
        events.flush()

    return tell


def print_to(log: str) -> None:
    """In the child: begin the file ``log``, with all that is printed from here on, by native code too."""
    sys.stdout.flush()
    opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(opened, 1)
    os.dup2(opened, 2)
    os.close(opened)


def listen() -> Callable[[], Any]:
    """In the child: a function that waits for what the parent sends next. Nothing else may read standard input.

    When the parent, which holds the other end, is gone, the child and all that it started are killed.
    """
    received: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        with open(0, "rb", closefd=False) as parent:
            while size := parent.read(8):
                received.put(parent.read(int.from_bytes(size)))
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=read, daemon=True).start()
    return lambda: pickle.loads(received.get())
