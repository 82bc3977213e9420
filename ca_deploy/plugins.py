"""Plug-ins: a folder is the registry, and each module in it an entry; nothing heavy is imported to list them."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable
from typing import Any

from ca_deploy.errors import unknown_name


def names_in(path: Iterable[str]) -> list[str]:
    """The plug-ins of a package, given its ``__path__``. Modules with a leading underscore are shared helpers."""
    return sorted(module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_"))


def member(package: str, attribute: str, kind: str, name: str, list_command: str | None = None) -> Any:
    """The description of the plug-in ``name`` of a package: an attribute of its module.

    Raises:
        UsageError: there is no such ``kind``; the message suggests the closest name.
    """
    known = names_in(importlib.import_module(package).__path__)
    if name not in known:
        raise unknown_name(kind, name, known, list_command)
    return getattr(importlib.import_module(f"{package}.{name}"), attribute)


def not_installed(packages: Iterable[str]) -> list[str]:
    """The packages that cannot be imported here, found without importing them."""
    return [package for package in packages if importlib.util.find_spec(package) is None]


def load(reference: str) -> Any:
    """Import what ``module:function`` names."""
    module, _, function = reference.partition(":")
    return getattr(importlib.import_module(module), function)
