"""Shared by all commands: errors as a message and an exit code, results on standard output, progress on error."""

import functools
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import ParamSpec, TypeVar

import typer

from ca_deploy.errors import CaDeployError

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


class StepLines:
    """One line per step on standard error, with the time since the start."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def __call__(self, recipe: str, text: str) -> None:
        name = f"{recipe}: " if recipe else ""
        sys.stderr.write(f"[{time.perf_counter() - self._started:6.1f} s] {name}{text}\n")
        sys.stderr.flush()


class CountLine:
    """A counter on standard error: ``photos 120/276``; ten lines in all where that is not a terminal."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __call__(self, done: int, total: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{self._what} {done}/{total}" + ("\n" if done == total else ""))
        elif done * 10 // total > (done - 1) * 10 // total:
            sys.stderr.write(f"{self._what} {done}/{total}\n")
        sys.stderr.flush()
