"""Converters that stay warm between exports: a converter's imports take most of the export of a small network."""

from collections import defaultdict
from itertools import chain
from pathlib import Path

from ca_deploy.errors import CaDeployError, WorkerError
from ca_deploy.formats import Format
from ca_deploy.pipeline.worker import Worker
from ca_deploy.progress import Step
from ca_deploy.records.conversion import Conversion, Converted


class Lent:
    """A worker for the time of one export, which leaves it to the next one; one that is in the middle of a conversion
    or dead is ended."""

    def __init__(self, worker: Worker, idle: list[Worker]) -> None:
        self._worker, self._idle, self._is_free = worker, idle, True
        self.pid = worker.pid

    def __enter__(self) -> "Lent":
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_free:
            self._idle.append(self._worker)
        else:
            self._worker.__exit__()

    def convert(self, conversion: Conversion, step: Step) -> Converted:
        self._is_free = False
        try:
            converted = self._worker.convert(conversion, step)
        except CaDeployError as error:
            self._is_free = not isinstance(error, WorkerError)
            raise
        self._is_free = True
        return converted

    def finish(self) -> None: ...


class Idle:
    """A context manager that ends the workers that nobody has; their logs and temporary files go to ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._workers: dict[str, list[Worker]] = defaultdict(list)

    def __enter__(self) -> "Idle":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in chain.from_iterable(self._workers.values()):
            worker.__exit__()

    def lend(self, format: Format, log: Path, scratch: Path) -> Lent:
        """Takes what a :class:`Worker` takes."""
        idle = self._workers[format.name]
        worker = idle.pop() if idle else Worker(format, self._folder / f"{format.name}.log", self._folder)
        return Lent(worker, idle)
