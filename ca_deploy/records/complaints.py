"""What pydantic found wrong, in the words of a file's reader: ``recipe.mode: 'nonsense' is unknown. One of: …``."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

Location = Sequence[int | str]
_MOST_CHARACTERS = 80
CONTRADICTION = "contradiction"  # values that are each possible, but not together


def complaints(kind: type, error: ValidationError) -> list[str]:
    """One line for each thing wrong with a record of this kind, in the order of the file."""
    return [_complaint(kind, found) for found in error.errors(include_url=False)]


def _complaint(kind: type, found: Mapping[str, Any]) -> str:
    problem, location = found["type"], found["loc"]
    where = ".".join(map(str, location)) or "file"
    if problem in ("unexpected_keyword_argument", "extra_forbidden"):
        known = _fields(kind, location[:-1])
        close = difflib.get_close_matches(str(location[-1]), known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        return f"{where}: unknown key.{hint} Known: {', '.join(known)}."
    if problem in ("missing", "missing_argument"):
        return f"{where}: missing."
    if problem == CONTRADICTION:
        return f"{where}: {found['msg']}"
    value = repr(found.get("input"))
    shown = value if len(value) <= _MOST_CHARACTERS else f"{value[:_MOST_CHARACTERS]}…"
    if problem in ("literal_error", "enum"):
        choices = str(found["ctx"]["expected"]).replace(" or ", ", ").replace("'", "")
        return f"{where}: {shown} is unknown. One of: {choices}."
    wanted = str(found["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    return f"{where}: {shown} is not possible; it should be {wanted.removeprefix('a valid ')}."


def _fields(kind: Any, location: Location) -> list[str]:
    """The keys of the table that a location leads to."""
    for step in location:
        kind = next(_inner(kind, step), None)
    candidates = [k for k in _alternatives(kind) if dataclasses.is_dataclass(k)]
    return sorted(field.name for k in candidates for field in dataclasses.fields(k))


def _inner(kind: Any, step: int | str) -> Iterator[Any]:
    for alternative in _alternatives(kind):
        if dataclasses.is_dataclass(alternative):
            hints = typing.get_type_hints(alternative)
            if step in hints:
                yield hints[str(step)]
        elif arguments := typing.get_args(alternative):
            yield arguments[-1] if isinstance(step, str) else arguments[0]


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if typing.get_origin(kind) in (types.UnionType, typing.Union) else (kind,)
