"""Targets: file -> CompatReport. One module here is one target; its ``TARGET`` describes it.

A target is named ``xnnpack``, or with a level (a version, an Android API level) ``xnnpack:2.14``, ``nnapi:29``.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ca_deploy.errors import RuntimeUnavailable, UsageError, unknown_name
from ca_deploy.graphs import Graph
from ca_deploy.plugins import load, names_in, not_installed
from ca_deploy.records.compat import CompatReport


@dataclass(frozen=True, slots=True)
class Request:
    """A model to be checked. ``level`` is what follows the colon in the target's name, or the target's default."""

    target: str
    path: Path
    graph: Graph
    level: str
    step: Callable[[str], None]


class Checker(Protocol):
    """The function that checks. It runs in a process of its own and may be slow, noisy, or crash."""

    def __call__(self, request: Request) -> CompatReport:
        """``request.step`` announces what is being done, in a few words."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """One place where a model runs. ``checker`` is ``module:function``, imported in the checking process only.

    ``level`` names what may follow the colon (``"Android API level"``), "" for a target that has no levels; ``levels``
    are the choices where there are few, and ``default_level`` stands where none is given.
    """

    name: str
    suffixes: tuple[str, ...]
    description: str
    checker: str
    packages: tuple[str, ...] = ()
    level: str = ""
    levels: tuple[str, ...] = ()
    default_level: str = ""

    def missing_packages(self) -> list[str]:
        """Which of its packages are not installed here."""
        return not_installed(self.packages)

    def load_checker(self) -> Checker:
        checker: Checker = load(self.checker)
        return checker


def target_names() -> list[str]:
    return names_in(__path__)


def find_target(name: str) -> tuple[Target, str]:
    """The target and the level that ``name`` or ``name:level`` asks for.

    Raises:
        UsageError: no such target or level; names the closest.
    """
    base, _, level = name.partition(":")
    if base not in target_names():
        raise unknown_name("target", base, target_names(), "ca-deploy list targets")
    target: Target = importlib.import_module(f"{__name__}.{base}").TARGET
    if level and not target.level:
        raise UsageError(f"Target {base} has no levels: leave out {':' + level!r}.")
    if level and target.levels and level not in target.levels:
        raise unknown_name(f"{target.level} of target {base}", level, target.levels)
    return target, level or target.default_level


def targets_for(path: Path) -> list[str]:
    """All targets that take files of this kind."""
    return [name for name in target_names() if path.suffix in find_target(name)[0].suffixes]


def usable_target(name: str, path: Path) -> tuple[Target, str]:
    """As :func:`find_target`, and it takes the file.

    Raises:
        UsageError: see :func:`find_target`, or the target takes other files.
        RuntimeUnavailable: a package that it needs is not installed.
    """
    target, level = find_target(name)
    if path.suffix not in target.suffixes:
        raise UsageError(
            f"Target {target.name} checks {', '.join(target.suffixes)} files, not {path.name}. For this file there "
            f"are {', '.join(targets_for(path))}."
        )
    if missing := target.missing_packages():
        raise RuntimeUnavailable(f"Target {target.name} needs {', '.join(missing)}, which is not installed here.")
    return target, level
