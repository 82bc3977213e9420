"""Converters side by side: one process a format, as many at once as fit into memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from ca_deploy.formats import Format
from ca_deploy.pipeline.worker import Worker
from ca_deploy.processes.memory import converters_that_fit
from ca_deploy.records.conversion import Conversion, Converted

# (recipe name, what is being done)
Step = Callable[[str, str], None]


class Converters:
    """A context manager that leaves no process behind.

    Args:
        logs: the formats wanted, and the file that each converter's first words go to. They spend seconds importing,
            so those that fit start at once.
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
        self, conversions: Mapping[Format, Sequence[Conversion]], step: Step
    ) -> Iterator[tuple[Conversion, Converted]]:
        """Start on the conversions of each format, one after another, and return at once; gives each as it is finished.

        Raises:
            CaDeployError: see :meth:`ca_deploy.pipeline.worker.Worker.convert`; while iterating.
        """
        finished: SimpleQueue[tuple[Conversion, Converted] | Exception] = SimpleQueue()

        def convert(format: Format) -> None:
            try:
                worker = self._early.get(format) or self._start(format)
                for conversion in conversions[format]:
                    name = conversion.recipe.name
                    finished.put((conversion, worker.convert(conversion, lambda text, name=name: step(name, text))))  # type: ignore[misc]
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
