"""Progress on standard error: bars and moving lines on a terminal, otherwise one plain line per step."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from ca_deploy.errors import visible
from ca_deploy.progress import DONE, Counted


class Display(Protocol):
    """What shows progress."""

    def step(self, name: str, event: str | Counted) -> None:
        """A step of a recipe or target (``name``), or of all of them (""); see :data:`ca_deploy.progress.NamedStep`."""

    def count(self, what: str, done: int, total: int) -> None:
        """How many of ``what`` are done; see :data:`ca_deploy.progress.Progress`."""


@contextmanager
def shown_on(stream: TextIO, in_turn: bool = False) -> Iterator[Display]:
    """A display that disappears at the end, but for its lines. ``in_turn``: what has a new name ends all before it."""
    if not stream.isatty():
        yield _Lines(stream)
        return
    with Bars(*_columns(), console=Console(file=stream), transient=True) as bars:
        yield _Bars(bars, in_turn)


class _Lines:
    """One line per step with the time since the start; ten in all of what is only counted."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._started = stream, time.perf_counter()

    def step(self, name: str, event: str | Counted) -> None:
        if isinstance(event, str) and event != DONE:
            self._write(_line(name, event, self._started))

    def count(self, what: str, done: int, total: int) -> None:
        if done * 10 // total > (done - 1) * 10 // total:
            self._write(visible(f"{what} {done}/{total}") + "\n")

    def _write(self, line: str) -> None:
        with contextlib.suppress(OSError):  # nobody reads it, or its disk is full: no reason to end the work
            self._stream.write(line)
            self._stream.flush()


class _Bars:
    """The same lines, and below them what is being done now: one moving line per name, with a bar where it counts."""

    def __init__(self, bars: Bars, in_turn: bool) -> None:
        self._bars, self._in_turn, self._started = bars, in_turn, time.perf_counter()
        self._tasks: dict[str, TaskID] = {}

    def step(self, name: str, event: str | Counted) -> None:
        if event == DONE:
            self._end(name)
            return
        if isinstance(event, Counted):
            self._show(name, event.doing, event.done, event.total)
            return
        for other in list(self._tasks) if self._in_turn else ():
            self._end(other)
        self._end(name)
        self._bars.console.print(Text(_line(name, event, self._started).rstrip("\n")), soft_wrap=True)
        self._show(name, event)

    def count(self, what: str, done: int, total: int) -> None:
        self._show("", what, done, total)

    def _show(self, name: str, doing: str, done: int = 0, total: int | None = None) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(visible(f"{name}: {doing}" if name else doing), total=total)
        if done == 1:  # it may be counted again, in a second pass over the same samples
            self._bars.reset(self._tasks[name], total=total, completed=done)
        self._bars.update(self._tasks[name], completed=done, total=total)

    def _end(self, name: str) -> None:
        if name in self._tasks:
            self._bars.remove_task(self._tasks.pop(name))


def _line(name: str, text: str, started: float) -> str:
    return visible(f"[{time.perf_counter() - started:6.1f} s] {f'{name}: ' if name else ''}{text}") + "\n"


class _Bar(BarColumn):
    """A bar of what is counted, and nothing of what is not."""

    def render(self, task: Task):  # type: ignore[no-untyped-def]  # rich has no public name for its bar
        return Text("") if task.total is None else super().render(task)


class _Figures(ProgressColumn):
    """``34/128, 12 s left`` of what is counted, otherwise the seconds that it has taken."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text(f"{task.elapsed or 0:.0f} s")
        left = "" if task.time_remaining is None else f", {task.time_remaining:.0f} s left"
        return Text(f"{task.completed:.0f}/{task.total:.0f}{left}")


def _columns() -> tuple[ProgressColumn, ...]:
    return SpinnerColumn(), TextColumn("{task.description}", markup=False), _Bar(bar_width=24), _Figures()
