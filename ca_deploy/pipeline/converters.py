"""Converters in parallel: one process per format, as many at the same time as fit into memory."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from ca_deploy.errors import CaDeployError, OutputError, WorkerError
from ca_deploy.formats import Format
from ca_deploy.pipeline.worker import Worker
from ca_deploy.processes.memory import converters_that_fit
from ca_deploy.progress import NamedStep
from ca_deploy.records.conversion import Conversion, Converted


class Converters:
    """A context manager that ends all its processes.

    Args:
        logs: the formats, and the log file of each converter until its first conversion. Importing takes seconds, so
            the processes that fit into memory start immediately.
        scratch: a folder for their temporary files.
    """

    def __init__(self, logs: Mapping[Format, Path], scratch: Path) -> None:
        self._scratch = scratch
        at_once = converters_that_fit(len(logs))
        self._pool = ThreadPoolExecutor(at_once)
        self._workers = ExitStack()
        self._early = {format: self._start(format, logs[format]) for format in list(logs)[:at_once]}

    def __enter__(self) -> "Converters":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._workers.close()
        self._pool.shutdown()

    def begin(
        self, conversions: Mapping[Format, Sequence[Conversion]], step: NamedStep
    ) -> Iterator[tuple[Conversion, Converted | CaDeployError]]:
        """Start the conversions of each format, one after another, and return immediately.

        Yields each when it is done, with the file's description or the error that it ended in
        (:meth:`ca_deploy.pipeline.worker.Worker.convert`). After an error the format's next conversion begins, in a new
        process where the old one is dead.

        Raises:
            OutputError: while iterating: nothing more can be written.
        """
        finished: SimpleQueue[tuple[Conversion, Converted | CaDeployError] | Exception] = SimpleQueue()

        def convert(format: Format) -> None:
            try:
                worker = self._early.get(format)
                for conversion in conversions[format]:
                    worker = worker or self._start(format, conversion.printed)
                    result: Converted | CaDeployError
                    try:
                        result = worker.convert(conversion, partial(step, conversion.recipe.name))
                    except OutputError:
                        raise
                    except CaDeployError as error:
                        result = error
                        if isinstance(error, WorkerError):
                            worker = None
                    finished.put((conversion, result))
                if worker is not None:
                    worker.finish()
            except Exception as error:
                finished.put(error)

        for format in conversions:
            self._pool.submit(convert, format)
        return _results(finished, sum(map(len, conversions.values())))

    def _start(self, format: Format, log: Path) -> Worker:
        return self._workers.enter_context(Worker(format, log, self._scratch))


def _results(
    finished: "SimpleQueue[tuple[Conversion, Converted | CaDeployError] | Exception]", count: int
) -> Iterator[tuple[Conversion, Converted | CaDeployError]]:
    for _ in range(count):
        result = finished.get()
        if isinstance(result, Exception):
            raise result
        yield result
