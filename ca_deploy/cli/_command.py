"""Shared by all commands: errors as a message and an exit code, results on standard output, progress on error."""

import functools
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import typer

from ca_deploy.errors import CaDeployError

if TYPE_CHECKING:
    from ca_deploy.render.progress import Display

P = ParamSpec("P")
R = TypeVar("R")


_interrupted = False


def interrupt(signum: int, frame: FrameType | None) -> None:
    """Signal handler. The flag is needed because a library that is being imported may raise another error instead."""
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Turn ``CaDeployError`` into its message and exit code 2, and Ctrl-C into exit code 130."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, CaDeployError) and not _interrupted:
                sys.stderr.write(f"Error: {error}\n")
                raise typer.Exit(2) from error
            if not _interrupted and not isinstance(error, KeyboardInterrupt):
                raise
            try:
                sys.stderr.write("\nInterrupted: nothing was left half-written.\n")
            except OSError:  # after SIGHUP there is no terminal
                sys.stderr = None
            raise typer.Exit(130) from error

    return wrapped


def print_json(content: object) -> None:
    """Print one JSON document on standard output; inf and nan, which JSON lacks, become null."""
    from ca_deploy.records.codec import to_json

    sys.stdout.write(to_json(content))


class FetchLines(logging.Handler):
    """What is fetched, and where to, as a step of the display that is open, or as a line on standard error."""

    display: "Display | None" = None

    def emit(self, record: logging.LogRecord) -> None:
        if FetchLines.display is not None:
            FetchLines.display.step("", record.getMessage())
        else:
            sys.stderr.write(f"{record.getMessage()}\n")


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
