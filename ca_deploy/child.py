"""A Python process of our own that tells its parent, in pickled events, what it does.

What native code does to such a process reaches nobody else: a crash ends its events, and :meth:`Child.ending` says how.
The child ends itself when its parent is gone; the parent ends it when it leaves the context.
"""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any


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
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
            env=environment,
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
        """Hand something over, for :func:`receive`; if the child died already, the missing events will tell."""
        assert self._process.stdin is not None
        payload = pickle.dumps(content)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(len(payload).to_bytes(8) + payload)
            self._process.stdin.flush()

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


def teller(log: int) -> Callable[[object], None]:
    """In the child: a function that sends an event. From here on all that is printed goes to the file ``log``."""
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(log, 1)
    os.dup2(log, 2)

    def tell(event: object) -> None:
        pickle.dump(event, events)
        events.flush()

    return tell


def receive() -> Any:
    """In the child: what the parent sends. Nothing else may read standard input."""
    with open(0, "rb", closefd=False) as parent:
        return pickle.loads(parent.read(int.from_bytes(parent.read(8))))


def end_with_parent() -> None:
    """In the child: end when the parent, which holds the other end of standard input, is gone."""

    def wait() -> None:
        os.read(0, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()
