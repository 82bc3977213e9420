"""Tries on one subject in a process that is started again whenever a try ends it or takes too long."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ca_deploy.delivery.scratch import temporary
from ca_deploy.processes.child import Child

_SECONDS = 30  # the longest that a try may take on a busy machine
_SECONDS_TO_START = 120
GOOD = ("read", "refused")


@dataclass(frozen=True, slots=True)
class Try:
    """``outcome`` is ``read`` or ``refused``; anything else is a fault, with ``details``.

    ``inside``: the first parser took the file for one of its kind.
    """

    subject: str
    seed: int
    outcome: str
    details: str = ""
    inside: bool = False


def tries(subject: str, seeds: Iterable[int], careful: bool = False) -> Iterator[Try]:
    """One try per seed; the same seed damages the same file in the same way.

    What crashes is tried again as the commands do it, ``careful``: with a trial of strange files in a process before.
    """
    waiting = list(seeds)[::-1]
    while waiting:
        with temporary() as scratch:
            log = scratch / "log"
            arguments = [str(log), subject, *(["careful"] if careful else [])]
            with Child("tests.fuzz.worker", arguments, scratch) as worker:
                events = worker.events()
                if _next(worker, events, _SECONDS_TO_START)[0] is None:
                    raise RuntimeError(f"the worker did not start: {log.read_text(errors='replace')}")
                while waiting:
                    seed = waiting.pop()
                    worker.send(seed)
                    found, hung = _next(worker, events, _SECONDS)
                    if found is None:
                        ending = "hang" if hung else f"crash: {worker.ending()}"
                        break
                    yield Try(subject, seed, *found)
                else:
                    return
            said = log.read_text(errors="replace")[-1500:]
            if careful or hung:
                yield Try(subject, seed, ending, said)
            else:
                yield from tries(subject, [seed], careful=True)


def _next(
    worker: Child, events: Iterator[tuple[str, str, bool]], seconds: float
) -> tuple[tuple[str, str, bool] | None, bool]:
    """The next event, None if the process died; and whether it did so because it took too long."""
    hung = threading.Event()

    def end() -> None:
        hung.set()
        worker.__exit__()

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        return next(events, None), hung.is_set()
    except (OSError, ValueError):  # the pipe was closed by the timer
        return None, hung.is_set()
    finally:
        timer.cancel()
