"""Plug-ins: a folder is the registry, each module in it an entry; what they need is looked up without importing it."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable
from typing import Any

from ca_deploy.errors import unknown_name


def names_in(path: Iterable[str]) -> list[str]:
    """The plug-ins of a package, by its ``__path__``. A leading underscore marks what they share."""
    return sorted(module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_"))


def member(package: str, attribute: str, kind: str, name: str, list_command: str | None = None) -> Any:
    """What describes the plug-in ``name`` of a package: an attribute of its module.

    Raises:
        UsageError: there is no such ``kind``; names the closest.
    """
    known = names_in(importlib.import_module(package).__path__)
    if name not in known:
        raise unknown_name(kind, name, known, list_command)
    return getattr(importlib.import_module(f"{package}.{name}"), attribute)


def not_installed(packages: Iterable[str]) -> list[str]:
    """Those that cannot be imported here."""
    return [package for package in packages if importlib.util.find_spec(package) is None]


def load(reference: str) -> Any:
    """What ``module:function`` names, imported now."""
    module, _, function = reference.partition(":")
    return getattr(importlib.import_module(module), function)
