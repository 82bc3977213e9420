"""Whether a factory can be there, by reading files: no code of it runs. What cannot be known so passes."""

import ast
import importlib
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from ca_deploy.processes.python_path import top_module

# Whatever writes one of these may make names or modules that are in no file.
_DYNAMIC = ("__getattr__", "globals(", "vars(", "locals(", "exec(", "setattr(", "sys.modules", "__path__", "import *")
_OF_PYTHON = ("built-in", "frozen")


def missing(name: str, attribute: str) -> str | None:
    """Which part of ``package.module`` does not exist; "" where all do, and its file binds no such name anywhere.

    None where nothing is wrong, or where that cannot be known.
    """
    top, *inner = name.split(".")
    spec, found = top_module(name), top
    if spec is None:
        return top
    if spec.origin in _OF_PYTHON:
        return _missing_of_python(name, attribute)
    for part in [*inner, attribute]:
        text = _text(spec)
        if text is None or any(word in text for word in _DYNAMIC):
            return None
        is_attribute = found == name
        found = f"{found}.{part}"
        below = PathFinder.find_spec(found, list(spec.submodule_search_locations or ())) if part else None
        if is_attribute:
            return "" if below is None and not _may_bind(text, part) else None
        if below is None:
            return None if found in sys.modules else found
        spec = below
    return None


def _missing_of_python(name: str, attribute: str) -> str | None:
    """The same of a module that Python itself brings without a file; it is imported."""
    try:
        module = importlib.import_module(name)
    except ImportError:
        return name
    return None if hasattr(module, attribute) else ""


def _may_bind(text: str, name: str) -> bool:
    """Whether the name is bound anywhere in a module, be it inside of a function."""
    try:
        return any(name in _bound(node) for node in ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError):  # importing it will say so
        return True


def _text(spec: ModuleSpec) -> str | None:
    """The source of a module; None for one that has none, as a namespace package, or a compiled one."""
    if spec.origin is None or not spec.origin.endswith(".py"):
        return None
    try:
        return Path(spec.origin).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _bound(node: ast.AST) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Name(id=name, ctx=ast.Store()):
            return [name]
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [(alias.asname or alias.name).partition(".")[0] for alias in names]
        case _:
            return []
