"""Signals that ask to end wait a few milliseconds, so that they never land between two steps that belong together."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Windows has no SIGHUP.
ASK_TO_END = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def held_back() -> Iterator[None]:
    """Until the end of the block SIGINT, SIGTERM and SIGHUP are only noted; right after it they act.

    Python runs signal handlers in the main thread, whichever thread the system picks, so that masking the signals
    (pthread_sigmask(3)) would not do in a process with threads; and in another thread there is nothing to hold back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = {number: signal.getsignal(number) for number in ASK_TO_END}
    # None is a handler that was not installed by Python, and could not be put back.
    before = {number: handler for number, handler in found.items() if handler not in (None, signal.SIG_IGN)}
    holding, arrived = True, []

    def note(number: int, frame: FrameType | None) -> None:
        handler = before[number]
        if holding:
            arrived.append(number)
        elif callable(handler):  # one signal interrupted the putting back of the others
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
