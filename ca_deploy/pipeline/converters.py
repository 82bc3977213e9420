"""Converters in parallel: one process per format, as many at the same time as fit into memory."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from queue import SimpleQueue

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
    """

    def __init__(self, logs: Mapping[Format, Path]) -> None:
        at_once = converters_that_fit(len(logs))
        self._logs = logs
        self._pool = ThreadPoolExecutor(at_once)
        self._workers = ExitStack()
        self._early = {format: self._start(format) for format in list(logs)[:at_once]}

    def __enter__(self) -> "Converters":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._workers.close()
        self._pool.shutdown()

    def begin(
        self, conversions: Mapping[Format, Sequence[Conversion]], step: NamedStep
    ) -> Iterator[tuple[Conversion, Converted]]:
        """Start the conversions of each format, one after another, and return immediately; yields each when it is done.

        Raises:
            CaDeployError: while iterating; see :meth:`ca_deploy.pipeline.worker.Worker.convert`.
        """
        finished: SimpleQueue[tuple[Conversion, Converted] | Exception] = SimpleQueue()

        def convert(format: Format) -> None:
            try:
                worker = self._early.get(format) or self._start(format)
                for conversion in conversions[format]:
                    converted = worker.convert(conversion, partial(step, conversion.recipe.name))
                    finished.put((conversion, converted))
                worker.finish()
            except Exception as error:
                finished.put(error)

        for format in conversions:
            self._pool.submit(convert, format)
        return _results(finished, sum(map(len, conversions.values())))

    def _start(self, format: Format) -> Worker:
        return self._workers.enter_context(Worker(format, self._logs[format]))


def _results(
    finished: "SimpleQueue[tuple[Conversion, Converted] | Exception]", count: int
) -> Iterator[tuple[Conversion, Converted]]:
    for _ in range(count):
        result = finished.get()
        if isinstance(result, Exception):
            raise result
        yield result
