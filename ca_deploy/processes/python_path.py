"""Where Python processes of ours look for modules: where this one does, but never in the current folder.

The current folder is a place for photos and model files that others made; a ``numpy.py`` among them must not run.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def search_path() -> list[str]:
    """``sys.path`` without the current folder; this ca_deploy comes before any other that is there."""
    here = _current_folder()
    places = [Path(entry).resolve() for entry in sys.path if entry]
    places = [place for place in places if place not in (here, _ROOT)]
    own = next((n for n, place in enumerate(places) if (place / "ca_deploy/__init__.py").is_file()), len(places))
    return [str(place) for place in (*places[:own], _ROOT, *places[own:])]


def python_environment() -> dict[str, str]:
    """The environment for :func:`python_module`; what its process starts in turn is as careful."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(search_path()), "PYTHONSAFEPATH": "1"}


def python_module(module: str, *arguments: str) -> list[str]:
    """The command line that runs ``module`` with this Python.

    ``-P`` keeps the current folder off the search path (https://docs.python.org/3/using/cmdline.html#cmdoption-P).
    """
    return [sys.executable, "-P", "-m", module, *arguments]


@contextmanager
def current_folder_last() -> Iterator[None]:
    """The current folder at the end of the search path, for code in it that the user chose to run by naming it.

    It goes again, as libraries look for optional parts later that nobody named (PyTorch: triton).
    """
    here = _current_folder()
    added = [str(here)] if here is not None and str(here) not in sys.path else []
    sys.path += added
    try:
        yield
    finally:
        for entry in added:
            sys.path.remove(entry)


def _current_folder() -> Path | None:
    try:
        return Path.cwd()
    except FileNotFoundError:  # somebody removed it
        return None
