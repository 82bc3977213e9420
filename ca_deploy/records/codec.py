"""Records -> JSON, and JSON or TOML -> records; no other module encodes or decodes them."""

import copy
import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from ca_deploy.errors import CaDeployError, wrong_in_file
from ca_deploy.files import other_kind
from ca_deploy.records.faults import UNKNOWN, Fault, faults

T = TypeVar("T")
_MOST_LISTED = 40
_DEEPEST = 40  # our own records have six levels at most


class Unreadable(CaDeployError):
    """Content that is not valid for its record; ``faults`` lists every error.

    Callers turn it into a more specific error that names the file and the remedy.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = tuple(faults)

    @property
    def listed(self) -> list[str]:
        """One indented line per fault; of very many, the first ones."""
        return self.first(_MOST_LISTED)

    def first(self, most: int) -> list[str]:
        """The same, with so many lines and the number of the others."""
        more = [f"  and {len(self.faults) - most} more"] if len(self.faults) > most else []
        return [*(f"  {fault}" for fault in self.faults[:most]), *more]

    def about(self, file: str) -> list[str]:
        """The lines of a message that begins with the file's name: one sentence, or one line per fault."""
        if len(self.faults) == 1 and not self.faults[0].location:
            return [f"{file} {self.faults[0].text}"]
        return [f"{file} has {len(self.faults)} error(s):", *self.listed]

    def without_faults(self, content: dict[str, Any]) -> dict[str, Any]:
        """A copy of ``content`` without the faulty keys."""
        kept = copy.deepcopy(content)
        for fault in self.faults:
            table: Any = kept
            for step in fault.location[:-1]:
                table = table.get(step) if isinstance(table, dict) else None
            if fault.location and isinstance(table, dict):
                table.pop(fault.location[-1], None)
            elif fault.location:
                kept.pop(str(fault.location[0]), None)
        return kept


def to_json(content: object, indent: int = 2) -> str:
    """A record, or plain data that contains records, as a JSON document.

    inf and nan, which JSON lacks, become null; objects that are neither plain data nor records (paths) become strings.
    """
    plain = to_jsonable_python(content, inf_nan_mode="constants", fallback=str)
    return json.dumps(_finite(plain), indent=indent, allow_nan=False) + "\n"


def _finite(plain: Any) -> Any:
    """pydantic_core 2.33 applies ``inf_nan_mode="null"`` to plain data, but not to fields of dataclasses."""
    if isinstance(plain, dict):
        return {key: _finite(value) for key, value in plain.items()}
    if isinstance(plain, list):
        return [_finite(value) for value in plain]
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


def parse_json(text: str | bytes) -> dict[str, Any]:
    """The content of a JSON document whose root is an object.

    Raises:
        Unreadable: ``text`` is not JSON, or its root is not an object.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:  # bad UTF-8 and numbers of 5,000 digits are ValueErrors
        raise Unreadable([Fault((), f"is not valid JSON ({wrong_in_file(error)}).")]) from error
    if not isinstance(content, dict):
        raise Unreadable([Fault((), "is not a JSON object.")])
    return content


def parse_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        Unreadable: the file is not TOML.
    """
    if kind := other_kind(path):
        raise Unreadable([Fault((), f"{kind}.")])
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Unreadable([Fault((), f"is not valid TOML ({wrong_in_file(error)}).")]) from error


def decode(kind: type[T], content: Mapping[str, Any], **given: Any) -> T:
    """A record from the content that :func:`parse_json` or :func:`parse_toml` returned; nothing is converted.

    ``given`` are fields that the file must not contain; a key of that name counts as unknown.

    Raises:
        Unreadable: lists all unknown and missing keys, wrong types (dates too) and invalid values.
    """
    taken = [Fault((key,), UNKNOWN) for key in sorted(content.keys() & given.keys())]
    if _is_deep(content):
        raise Unreadable([Fault((), f"is nested more than {_DEEPEST} levels deep.")])
    dates = list(_dates(content, ()))
    try:
        # As JSON: pydantic's strict mode takes an array for a tuple and a string for a path only there.
        record: T = _adapter(cast(Any, kind)).validate_json(json.dumps({**content, **given}, default=str))
    except ValidationError as error:
        places = {fault.location for fault in dates}
        found = [fault for fault in faults(kind, error, hidden=given) if fault.location not in places]
        raise Unreadable([*taken, *dates, *found]) from error
    if taken or dates:
        raise Unreadable([*taken, *dates])
    return record


def _is_deep(value: object) -> bool:
    level: list[object] = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, Mapping | list | tuple)
            for inner in (outer.values() if isinstance(outer, Mapping) else outer)
        ]
    return bool(level)


def schema(kind: type) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a record."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_adapter(cast(Any, kind)).json_schema()}


def _dates(value: object, location: tuple[int | str, ...]) -> Iterator[Fault]:
    """The dates and times of a TOML, which JSON has no type for and no record has a field for."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _dates(inner, (*location, key))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _dates(inner, (*location, number))
    elif isinstance(value, date | time):
        yield Fault(location, f"{value.isoformat()} is a {type(value).__name__}, which is not possible here.")


@lru_cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
