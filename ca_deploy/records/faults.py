"""Validation errors of pydantic as messages for users: ``recipe.mode: 'nonsense' is unknown. One of: …``."""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, time
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from ca_deploy.errors import shown

Location = Sequence[int | str]
_NAMES = {
    "dataclass_type": "a table",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
    "int_parsing_size": "a whole number of usual size",
    "tuple_type": "a list",
    "path_type": "a path",
    "mapping_type": "a table",
    "dict_type": "a table",
}
_MOST_CHARACTERS = 80
UNKNOWN = "unknown key."
_WANTED = "it has to be "
CONTRADICTION = "contradiction"  # what a validator of our own says, as of values that are valid each, but not together


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """One error: the keys and indices that lead to it, and a sentence."""

    location: tuple[int | str, ...]
    text: str

    def __str__(self) -> str:
        where = shown(".".join(map(str, self.location)))
        return f"{where}: {self.text}" if where else self.text


def faults(kind: type, error: ValidationError, hidden: Collection[str] = ()) -> list[Fault]:
    """All errors in a record of this kind, in the order of its fields; ``hidden`` ones are not named as known keys."""
    told: list[Fault] = []
    for found in error.errors(include_url=False):
        if not _is_of_its_items(found):
            fault = Fault(_plain(kind, _named(kind, found["loc"])), _text(kind, found, hidden))
            told[-1:] = _together(told[-1], fault) if told else [fault]
    return told


def _named(kind: Any, location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The location with the name of a field that was passed by position."""
    names = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
    if location and isinstance(location[0], int) and location[0] < len(names):
        return (names[location[0]], *location[1:])
    return location


def _plain(kind: Any, location: Location) -> tuple[int | str, ...]:
    """The location without the names that pydantic gives the alternatives of a union (``tuple[int, int]``)."""
    kept: list[int | str] = []
    for step in location:
        if isinstance(step, int) or kind is None or any(map(_has_keys, _alternatives(kind))):
            kept.append(step)
            kind = next(_inner(kind, step), None)
    return tuple(kept)


def _has_keys(kind: Any) -> bool:
    origin = typing.get_origin(kind)
    return dataclasses.is_dataclass(kind) or (isinstance(origin, type) and issubclass(origin, Mapping))


def _together(before: Fault, fault: Fault) -> list[Fault]:
    """What two alternatives of a union say of one value as one sentence; what is said of an item is enough."""
    start, has, wanted = fault.text.partition(_WANTED)
    if has and before.location == fault.location and before.text.startswith(start + has):
        return [Fault(fault.location, f"{before.text.removesuffix('.')} or {wanted}")]
    if _WANTED in before.text and fault.location[:-1] == before.location:
        return [fault]
    return [before, fault]


def _is_of_its_items(found: Mapping[str, Any]) -> bool:
    """Whether a list is called too short, which is not, because its items are wrong, as is said of each."""
    return found["type"] == "too_short" and bool(len(found["input"]) >= found["ctx"]["min_length"])


def refusal(text: str) -> PydanticCustomError:
    """What a validator raises for :func:`faults` to say ``text``."""
    return PydanticCustomError(CONTRADICTION, "{message}", {"message": text})


def not_possible(value: object, wanted: str) -> str:
    """The sentence for a value of the wrong kind."""
    return f"{_shown(value)} is not possible: {_WANTED}{wanted}."


def unknown_key(key: str, known: Sequence[str]) -> str:
    """The sentence for an unknown key of a table, with the closest known key."""
    close = difflib.get_close_matches(key, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{UNKNOWN}{hint} Known: {', '.join(known)}."


def unknown_value(value: object, choices: Sequence[object]) -> str:
    """The sentence for a value that is none of the choices: ``'8'`` is no number."""
    listed = ", ".join(map(str, choices))
    if isinstance(value, str) and (value in map(str, choices) or not any(isinstance(c, str) for c in choices)):
        return f"{_shown(value)} is a text; one of: {listed}."
    return f"{_shown(value)} is unknown. One of: {listed}."


def _text(kind: type, found: Mapping[str, Any], hidden: Collection[str]) -> str:
    problem, location = found["type"], found["loc"]
    if problem in ("unexpected_keyword_argument", "extra_forbidden"):
        known = [name for name in _fields(kind, location[:-1]) if len(location) > 1 or name not in hidden]
        return unknown_key(str(location[-1]), known)
    if problem in ("missing", "missing_argument"):
        return "missing."
    if problem == "json_invalid":
        return "has text that is not Unicode."
    if problem == CONTRADICTION:
        return str(found["msg"])
    value = found.get("input")
    if problem in ("literal_error", "enum"):
        choices = str(found["ctx"]["expected"]).replace(" or ", ", ").split(", ")
        return unknown_value(value, [int(choice) if choice.isdigit() else choice.strip("'") for choice in choices])
    if isinstance(value, float) and math.isnan(value):
        return "nan is not possible: it has to be a finite number."
    wanted = _NAMES.get(problem, str(found["msg"]).removeprefix("Input should be "))
    if problem == "too_long":
        wanted = f"a list of {found['ctx']['max_length']}"
    elif problem == "too_short":
        wanted = f"a list of at least {found['ctx']['min_length']}"
    elif problem == "tuple_type" and isinstance(value, list):  # not from a file
        wanted = "a tuple"
    return not_possible(value, wanted)


def _shown(value: object) -> str:
    text = value.isoformat() if isinstance(value, date | time) else repr(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def _fields(kind: Any, location: Location) -> list[str]:
    """The keys of the table at a location."""
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
