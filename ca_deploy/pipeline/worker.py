"""One converter, one process: native libraries that clash stay apart, a crash becomes an error, memory returns.

Started as ``python -m ca_deploy.pipeline.worker <module:function> <log>``. The process imports the exporter at once
(the slow part), then waits for jobs, and keeps what they have in common; all that the converter prints goes to the log.
"""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy import plugins as plug_ins
from ca_deploy.delivery import refusal
from ca_deploy.errors import CaDeployError, WorkerError
from ca_deploy.formats import Exporter, Format
from ca_deploy.processes import child
from ca_deploy.records.conversion import Converted
from ca_deploy.records.model import ModelSource
from ca_deploy.records.recipe import ExportRecipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Job:
    """All that a converter process needs to make one file. What is printed meanwhile goes to ``log``."""

    source: ModelSource
    recipe: ExportRecipe
    calibration: "NDArray[np.uint8] | None"
    path: Path
    dynamic_batch: bool
    log: Path


class Worker:
    """The parent's end of one converter process; a context manager that leaves no process behind."""

    def __init__(self, format: Format, log: Path) -> None:
        self._format = format
        # Spinning threads would starve the other converters.
        environment = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}
        self._child = child.Child("ca_deploy.pipeline.worker", [format.exporter, str(log)], environment=environment)
        self.pid = self._child.pid

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._child.__exit__()

    def convert(self, job: Job, step: Callable[[str], None]) -> Converted:
        """Hand the job over, pass its steps on, and return what the exporter said.

        Raises:
            CaDeployError: whatever the exporter raised on purpose.
            WorkerError: the process crashed, was killed, or failed in a way that nobody foresaw; names the log.
        """
        self._child.send(job)
        last_step = "starting"
        for event in self._child.events():
            if isinstance(event, str):
                last_step = event
                step(event)
            elif isinstance(event, Converted):
                return event
            elif isinstance(event, CaDeployError):
                raise event
        hint = (
            " The machine may be out of memory: close other programs, or export one format at a time."
            if self._child.killed_by() == signal.SIGKILL
            else ""
        )
        raise WorkerError(
            f"The {self._format.name} converter {self._child.ending()} while {last_step}.{hint} "
            f"Its log: {job.log}{_last_words(job.log)}"
        )

    def finish(self) -> None:
        """No more jobs: its memory is needed."""
        self._child.hang_up()


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return f"\n  {lines[-1][:300]}" if lines else ""


def main() -> None:
    exporter_name, log_path = sys.argv[1:]
    tell = child.teller(log_path)
    next_job = child.listen()
    exporter: Exporter = plug_ins.load(exporter_name)

    from ca_deploy.networks.source import load

    source = network = None
    while True:
        job: Job = next_job()
        child.print_to(str(job.log))
        try:
            if network is None or job.source != source:
                tell("loading the network")
                source, network = job.source, load(job.source)
            tell(exporter(network, job.recipe, job.calibration, job.path, job.dynamic_batch, tell))
        except CaDeployError as error:
            tell(error)
        except OSError as error:
            explained = refusal(error, job.log.parent)
            if explained is None:
                raise
            tell(explained)


if __name__ == "__main__":
    main()
