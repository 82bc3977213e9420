"""Shared by all commands: errors as a message and an exit code, results on standard output, progress on error."""

import errno
import functools
import logging
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, ParamSpec, TypeVar

import typer

from ca_deploy.delivery.interrupts import ASK_TO_END, interrupt, was_interrupted
from ca_deploy.delivery.scratch import remove_abandoned
from ca_deploy.errors import CaDeployError, first_line, visible
from ca_deploy.processes.time_limit import runs_on

if TYPE_CHECKING:
    from ca_deploy.render.progress import Display

P = ParamSpec("P")
R = TypeVar("R")


_LONGEST = 2000  # characters of a line
INTERRUPTED, STOPPED = 130, "Interrupted: nothing was left half-written."
READER_IS_GONE = 141  # as a shell reports a program that SIGPIPE ended
_OUTPUT_IS_GONE = "Standard output, or a temporary file, cannot be written ({}). Make room, or write elsewhere."


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Turn errors into their message and exit code 2, and Ctrl-C into exit code 130; a closed pipe ends it quietly.

    Errors of the system (a full disk, a name that is too long) and a lack of memory are messages too; any other
    exception is a bug of ca-deploy, and keeps its traceback.
    """

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            remove_abandoned()
            return function(*args, **kwargs)
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, KeyboardInterrupt) or was_interrupted():
                say(f"\n{STOPPED}")
                raise typer.Exit(INTERRUPTED) from error
            if isinstance(error, BrokenPipeError) and has_no_reader():
                raise typer.Exit(READER_IS_GONE) from error
            if (message := message_of(error)) is None:
                raise
            say(f"Error: {message}")
            raise typer.Exit(2) from error

    return wrapped


def has_no_reader() -> bool:
    """Whether standard output is a pipe or socket whose reader has gone, as after ``| head``."""
    try:
        poll = select.poll()  # Windows has none
        poll.register(1, 0)
        return any(state & (select.POLLERR | select.POLLHUP) for _, state in poll.poll(0))
    except (AttributeError, OSError):
        return False


def message_of(error: Exception) -> str | None:
    """What to say of an error that is not a bug of ca-deploy; None for any other."""
    message = _message_of(error)
    try:
        Path.cwd()
    except FileNotFoundError:
        return message and f"{message} The current folder was removed: go to one that exists, and try again."
    return message


def _message_of(error: Exception) -> str | None:
    if isinstance(error, CaDeployError):
        return str(error)
    if isinstance(error, MemoryError):
        return "There is not enough memory for this. Close other programs, or use smaller files or fewer images."
    if not isinstance(error, OSError):
        return None
    if error.filename is None and error.errno in (errno.ENOSPC, errno.EPIPE, errno.EIO):
        return _OUTPUT_IS_GONE.format(error.strerror)
    where = " and ".join(repr(str(name)) for name in (error.filename, error.filename2) if name is not None)
    return f"{error.strerror or first_line(error)}{f': {where}' if where else ''}. Nothing was left half-written."


def say(text: str) -> None:
    """A line on standard error, if that can be written: after SIGHUP there is no terminal."""
    try:
        lines = map(visible, text.split("\n"))  # a name in a file may be of any length
        sys.stderr.write("\n".join(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…" for line in lines) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        sys.stderr = None


def finish(code: int) -> NoReturn:
    """Exit, after all that was printed is written; with 2 and a message, where it cannot be."""
    for asked_to_end in ASK_TO_END:
        if signal.getsignal(asked_to_end) is interrupt:  # all is done, and libraries may take long to unload
            signal.signal(asked_to_end, lambda *_: os._exit(code))
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        if has_no_reader():
            code = READER_IS_GONE if code in (0, 1) else code
        elif code in (0, 1):
            say(f"Error: {_OUTPUT_IS_GONE.format(error.strerror if isinstance(error, OSError) else first_line(error))}")
            code = 2
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what is left in the buffer, when Python closes it
    if runs_on() and not was_interrupted():
        os._exit(code)
    if code == INTERRUPTED or was_interrupted():
        os._exit(INTERRUPTED)  # Python would end by SIGINT instead where it was interrupted inside an exec()
    sys.exit(code)


def print_json(content: object) -> None:
    """Print one JSON document on standard output; inf and nan, which JSON lacks, become null."""
    from ca_deploy.records.codec import to_json

    sys.stdout.write(to_json(content))


class FetchLines(logging.Handler):
    """What is logged, such as what is fetched: a step of the display that is open, or a line on standard error."""

    display: "Display | None" = None

    def emit(self, record: logging.LogRecord) -> None:
        if FetchLines.display is not None:
            FetchLines.display.step("", record.getMessage())
        else:
            say(record.getMessage())


@contextmanager
def progress(in_turn: bool = False) -> "Iterator[Display]":
    """Progress on standard error, which native libraries' notices do not disturb."""
    from ca_deploy.processes.native_messages import without_notices
    from ca_deploy.render.progress import shown_on

    with without_notices() as stream, shown_on(stream, in_turn) as display:
        FetchLines.display = display
        try:
            yield display
        finally:
            FetchLines.display = None
