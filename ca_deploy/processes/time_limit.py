"""How long one load or one run of a model may take: one that nobody vouches for may never end."""

import contextlib
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from ca_deploy.errors import UsageError

R = TypeVar("R")
_VARIABLE = "CA_DEPLOY_TIME_LIMIT"
_SECONDS, _SECONDS_PER_MIB = 300, 1.0  # a Raspberry Pi loads 25 MiB in less than a second
UNLIMITED = {_VARIABLE: "1e8"}  # the environment of a process whose parent has the limit

_abandoned = 0


def time_limit_s(model: Path) -> float:
    """The seconds in ``CA_DEPLOY_TIME_LIMIT``, otherwise 300 and one more per MiB of the file or package.

    Raises:
        UsageError: the variable is not a number of seconds.
    """
    if (given := os.environ.get(_VARIABLE)) is not None:
        try:
            seconds = float(given)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < 1e9:
            raise UsageError(f"{_VARIABLE}={given!r} is not a number of seconds: write {_VARIABLE}=3600.")
        return seconds
    files = [path for path in model.rglob("*") if path.is_file()] if model.is_dir() else [model]
    return _SECONDS + _SECONDS_PER_MIB * sum(path.stat().st_size for path in files) / 2**20


def advice() -> str:
    """What to do about a model that was ended."""
    return f"It may contain a loop that never ends. If it is only slow, allow more seconds: {_VARIABLE}=3600."


def started(run: Callable[[], R]) -> Callable[[float | None], R]:
    """Run native code in a thread from now on. The result waits for it so many seconds, or without limit, which Ctrl-C
    ends: a signal is not seen inside native code.

    Raises:
        TimeoutError: from the result: it took longer; the thread runs on until the process ends. Whatever ``run``
            raises is passed on.
    """
    answers: queue.SimpleQueue[tuple[R | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put((run(), None))
        except BaseException as error:
            answers.put((None, error))

    def answer(limit_s: float | None) -> R:
        global _abandoned
        try:
            result, error = answers.get(timeout=limit_s)
        except queue.Empty:
            _abandoned += 1
            raise TimeoutError from None
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # None only where R has it

    threading.Thread(target=work, daemon=True).start()
    return answer


def within(limit_s: float, run: Callable[[], R]) -> R:
    """What ``run`` returns, see :func:`started`."""
    return started(run)(limit_s)


def side_by_side(runs: Iterable[Callable[[], R]], at_once: int) -> Iterator[R]:
    """What each of ``runs`` returns, in their order, where ``at_once`` may go on at the same time.

    After an error, here or where they are taken, the others end first: native code that still runs while Python ends
    aborts the process.
    """
    going_on: deque[Callable[[float | None], R]] = deque()
    try:
        for run in runs:
            going_on.append(started(run))
            if len(going_on) == at_once:
                yield going_on.popleft()(None)
        while going_on:
            yield going_on.popleft()(None)
    except (Exception, GeneratorExit):
        for answer in going_on:
            with contextlib.suppress(Exception):
                answer(None)
        raise


def runs_on() -> bool:
    """Whether something that took too long may still run in this process: libraries cannot be unloaded then."""
    return _abandoned > 0
