"""Where child processes look for modules: where this one does, except in the current folder.

The current folder may hold photos and model files from other people; a ``numpy.py`` among them must not run.
"""

import importlib.util
import os
import sys
import sysconfig
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

_ROOT = Path(__file__).resolve().parents[2]
_INSTALLED = {Path(path).resolve() for path in sysconfig.get_paths().values()}


def search_path() -> list[str]:
    """``sys.path`` without the current folder; this ca_deploy comes before any other on it."""
    dropped = {_current_folder(), _ROOT} - _INSTALLED
    places = [Path(entry).resolve() for entry in sys.path if entry]
    places = [place for place in places if place not in dropped]
    own = next((n for n, place in enumerate(places) if (place / "ca_deploy/__init__.py").is_file()), len(places))
    return [str(place) for place in (*places[:own], _ROOT, *places[own:])]


def python_environment() -> dict[str, str]:
    """The environment for :func:`python_module`; processes that it starts in turn search the same path."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(search_path()), "PYTHONSAFEPATH": "1"}


def python_module(module: str, *arguments: str) -> list[str]:
    """The command line that runs ``module`` with this Python.

    ``-P`` keeps the current folder off the search path (https://docs.python.org/3/using/cmdline.html#cmdoption-P).
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def append_current_folder() -> None:
    """Search the current folder too, after all else: for code in it that the user chose to run by naming it.

    This takes a finder of its own, because a ``google.py`` even at the end of ``sys.path`` takes precedence over the
    installed ``google``, which is a namespace package (https://peps.python.org/pep-0420/#specification).
    """
    here = _current_folder()
    if here is not None:
        sys.meta_path.append(_Finder(str(here)))


def installed_module(name: str) -> ModuleSpec | None:
    """Where the package or module of ``package.module`` is found on the search path; nothing is imported."""
    top = name.partition(".")[0]
    try:
        return importlib.util.find_spec(top)
    except ValueError:  # modules without a __spec__, such as __main__
        return ModuleSpec(top, None) if top in sys.modules else None


def top_module(name: str) -> ModuleSpec | None:
    """The same, in the current folder too."""
    here = _current_folder()
    top = name.partition(".")[0]
    return installed_module(name) or (PathFinder.find_spec(top, [str(here)]) if here is not None else None)


class _Finder(MetaPathFinder):
    def __init__(self, folder: str) -> None:
        self._folder = folder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(fullname, [self._folder]) if path is None else None


def _current_folder() -> Path | None:
    try:
        return Path.cwd()
    except FileNotFoundError:  # somebody removed it
        return None
