"""One converter, one process: native libraries that clash stay apart, a crash becomes an error, memory returns.

Started as ``python -m ca_deploy.worker <module:function> <log>``. The process imports the exporter at once (the
slow part), then reads one pickled :class:`Job` (8 bytes of length before it) from its standard input and writes pickled
events to its standard output; all that the converter prints goes to the log. It ends itself when its parent is gone.
"""

import contextlib
import importlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ca_deploy.delivery import refusal
from ca_deploy.errors import CaDeployError, WorkerError
from ca_deploy.formats import Converted, Format
from ca_deploy.recipe import ExportRecipe
from ca_deploy.source import ModelSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Job:
    """All that a converter process needs to make one file."""

    source: ModelSource
    recipe: ExportRecipe
    calibration: "NDArray[np.uint8] | None"
    path: Path
    dynamic_batch: bool


class Worker:
    """The parent's end of one converter process; a context manager that leaves no process behind."""

    def __init__(self, format: Format, log: Path) -> None:
        self._format = format
        self._log = log
        command = [sys.executable, "-m", "ca_deploy.worker", format.exporter, str(log)]
        environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}  # spinning threads would starve the other converters
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, env=environment
        )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def convert(self, job: Job, step: Callable[[str], None]) -> Converted:
        """Hand the job over, pass its steps on, and return what the exporter said.

        Raises:
            CaDeployError: whatever the exporter raised on purpose.
            WorkerError: the process crashed, was killed, or failed in a way that nobody foresaw; names the log.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it died already: the missing events will tell
            payload = pickle.dumps(job)
            self._process.stdin.write(len(payload).to_bytes(8) + payload)
            self._process.stdin.flush()
        last_step = "starting"
        for event in _events(self._process.stdout):
            if isinstance(event, str):
                last_step = event
                step(event)
            elif isinstance(event, Converted):
                return event
            elif isinstance(event, CaDeployError):
                raise event
        code = self._process.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        hint = (
            " The machine may be out of memory: close other programs, or export one format at a time."
            if code == -9
            else ""
        )
        raise WorkerError(
            f"The {self._format.name} converter {how} while {last_step}.{hint} "
            f"Its log: {self._log}{_last_words(self._log)}"
        )


def _events(pipe: IO[bytes]) -> Iterator[Any]:
    while True:
        try:
            yield pickle.load(pipe)
        except (EOFError, pickle.UnpicklingError):
            return


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return f"\n  {lines[-1][:300]}" if lines else ""


def _end_with_parent() -> None:
    """The parent holds the other end of standard input; when that closes, nobody waits for us any more."""
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    exporter_name, log_path = sys.argv[1:]
    events = os.fdopen(os.dup(1), "wb")
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)

    def tell(event: object) -> None:
        pickle.dump(event, events)
        events.flush()

    module, _, function = exporter_name.partition(":")
    exporter = getattr(importlib.import_module(module), function)
    with open(0, "rb", closefd=False) as commands:
        job: Job = pickle.loads(commands.read(int.from_bytes(commands.read(8))))
    threading.Thread(target=_end_with_parent, daemon=True).start()

    from ca_deploy.source import load

    try:
        tell("loading the network")
        network = load(job.source)
        tell(exporter(network, job.recipe, job.calibration, job.path, job.dynamic_batch, tell))
    except CaDeployError as error:
        tell(error)
    except OSError as error:
        explained = refusal(error, job.path.parent)
        if explained is None:
            raise
        tell(explained)


if __name__ == "__main__":
    main()
