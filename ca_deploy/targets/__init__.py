"""Targets: file -> CompatReport. Each module here is one target; its ``TARGET`` describes it.

A target is named ``xnnpack``, or with a level (a version, an Android API level) ``xnnpack:2.14``, ``nnapi:29``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ca_deploy.errors import RuntimeUnavailable, UsageError, unknown_name
from ca_deploy.graphs import Graph
from ca_deploy.plugins import load, member, names_in, not_installed
from ca_deploy.progress import Step
from ca_deploy.records.compat import CompatReport


@dataclass(frozen=True, slots=True)
class Risky:
    """What a target tried, by name, when its process crashed."""

    target: str
    name: str


class Risk(Protocol):
    """Announces native code that may crash the process, by a name that is the same in every run.

    Returns how an earlier process ended in it (``"was killed by SIGSEGV"``), "" where it may be tried.
    """

    def __call__(self, name: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Request:
    """One model to check. ``level`` is what follows the colon in the target's name, or the target's default.

    ``step`` reports progress in a few words. What crashes after ``risk`` is lost alone: the checker runs again, and is
    told.
    """

    target: str
    path: Path
    graph: Graph
    level: str
    step: Step
    risk: Risk


class Brief(Protocol):
    """What the summary of an export says of a file: one clause, or "" where there is nothing to say.

    It runs in the exporting process, right after the file was verified in its runtime, and takes a second at most.
    """

    def __call__(self, path: Path) -> str: ...


class Checker(Protocol):
    """The check itself. It runs in a child process, so it may be slow or print; what may crash is announced."""

    def __call__(self, request: Request) -> CompatReport: ...


@dataclass(frozen=True, slots=True)
class Target:
    """One runtime, delegate or accelerator. ``checker`` is ``module:function``, imported in the child process only.

    ``level`` describes what may follow the colon (``"Android API level"``), "" for a target without levels.
    ``levels`` lists the valid ones, empty where any is; ``default_level`` applies when none is given. ``brief``
    is ``module:function`` of a :class:`Brief`, "" for a target that has none. ``refusal`` is ``module:function`` from a
    path to the reason why the runtime that would hand nodes to it refuses the whole model, or ""; a checker without one
    asks itself. ``place`` is its place in reports on all
    targets: 0 for what runs on every device, more for what fewer devices have.
    """

    name: str
    suffixes: tuple[str, ...]
    description: str
    checker: str
    packages: tuple[str, ...] = ()
    level: str = ""
    levels: tuple[str, ...] = ()
    default_level: str = ""
    refusal: str = ""
    brief: str = ""
    place: int = 9

    def missing_packages(self) -> list[str]:
        """The required packages that are not installed."""
        return not_installed(self.packages)

    def load_brief(self) -> Brief:
        brief: Brief = load(self.brief)
        return brief

    def load_checker(self) -> Checker:
        checker: Checker = load(self.checker)
        return checker


def target_names() -> list[str]:
    return names_in(__path__)


def find_target(name: str) -> tuple[Target, str]:
    """The target and the level for ``name`` or ``name:level``.

    Raises:
        UsageError: no such target or level; the message suggests the closest name.
    """
    base, _, level = name.partition(":")
    target: Target = member(__name__, "TARGET", "target", base, "ca-deploy list targets")
    if level and not target.level:
        raise UsageError(f"Target {base} has no levels: omit {':' + level!r}.")
    if level and target.levels and level not in target.levels:
        raise unknown_name(f"{target.level} of target {base}", level, target.levels)
    return target, level or target.default_level


def targets_for(path: Path) -> list[str]:
    """The names of all targets that check files of this format, in the order of reports."""
    return in_order(name for name in target_names() if path.suffix in find_target(name)[0].suffixes)


def in_order(names: Iterable[str]) -> list[str]:
    """Targets (with their levels, or without) by their place in reports."""
    return sorted(names, key=lambda name: find_target(name)[0].place)


def usable_target(name: str, path: Path) -> tuple[Target, str]:
    """Like :func:`find_target`, for a target that must be able to check ``path`` on this machine.

    Raises:
        UsageError: see :func:`find_target`, or the target checks other formats.
        RuntimeUnavailable: a required package is not installed.
    """
    target, level = find_target(name)
    if path.suffix not in target.suffixes:
        raise UsageError(
            f"Target {target.name} checks {', '.join(target.suffixes)} files, not {path.name}. Targets for this file: "
            f"{', '.join(targets_for(path))}."
        )
    if missing := target.missing_packages():
        raise RuntimeUnavailable(f"Target {target.name} needs {', '.join(missing)}, which is not installed.")
    return target, level
