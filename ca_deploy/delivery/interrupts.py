"""Termination signals: remembered, and deferred for a few milliseconds where steps belong together."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Windows has no SIGHUP.
ASK_TO_END = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

_interrupted = False


def interrupt(signum: int, frame: FrameType | None) -> None:
    """Signal handler of the command. A library that is being imported may raise another error instead."""
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt


def was_interrupted() -> bool:
    """Whether :func:`interrupt` has been called, whatever became of its exception."""
    return _interrupted


@contextmanager
def held_back() -> Iterator[None]:
    """Record SIGINT, SIGTERM and SIGHUP until the end of the block; right after it they take effect.

    Python runs signal handlers in the main thread, whichever thread receives the signal, so that masking the signals
    (pthread_sigmask(3)) is not enough in a process with threads; in another thread there is nothing to defer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = {number: signal.getsignal(number) for number in ASK_TO_END}
    # None is a handler that Python did not install and cannot restore.
    before = {number: handler for number, handler in found.items() if handler not in (None, signal.SIG_IGN)}
    holding, arrived = True, []

    def note(number: int, frame: FrameType | None) -> None:
        handler = before[number]
        if holding:
            arrived.append(number)
        elif callable(handler):  # it arrived while the other handlers were restored
            handler(number, frame)
        else:
            signal.signal(number, handler)
            signal.raise_signal(number)

    try:
        for number in before:
            signal.signal(number, note)
        yield
    finally:
        holding = False
        try:
            for number, handler in before.items():
                signal.signal(number, handler)
        finally:
            for number in arrived:
                signal.raise_signal(number)
