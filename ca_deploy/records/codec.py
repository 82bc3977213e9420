"""Records to JSON, and back from JSON or TOML: the one place that does either."""

import copy
import json
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from ca_deploy.errors import CaDeployError
from ca_deploy.records.faults import UNKNOWN, Fault, faults

T = TypeVar("T")


class Unreadable(CaDeployError):
    """A file that is not what it should be; ``faults`` are all that were found.

    Readers turn it into an error of their own kind, which names the file and the remedy.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = tuple(faults)

    @property
    def listed(self) -> str:
        """One line for each, indented; begins with a line break."""
        return "".join(f"\n  {fault}" for fault in self.faults)

    def about(self, file: str) -> str:
        """A message that begins with what the file is called: one sentence, or one line for each fault."""
        if len(self.faults) == 1 and not self.faults[0].location:
            return f"{file} {self.faults[0].text}"
        return f"{file} has {len(self.faults)} error(s):{self.listed}"

    def without_faults(self, content: dict[str, Any]) -> dict[str, Any]:
        """The content that was read, less the keys that are wrong."""
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
    """A record, or plain data with records in it, as a JSON document.

    Numbers that JSON lacks (inf, nan) become null; what is neither data nor a record (a path) becomes its text.
    """
    plain = to_jsonable_python(content, inf_nan_mode="null", fallback=str)
    return json.dumps(plain, indent=indent) + "\n"


def parse_json(text: str | bytes) -> dict[str, Any]:
    """A JSON document that is an object.

    Raises:
        Unreadable: it is not JSON, or not an object.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:  # bad UTF-8 and numbers of 5,000 digits are ValueErrors
        raise Unreadable([Fault((), f"is not valid JSON ({error}).")]) from error
    if not isinstance(content, dict):
        raise Unreadable([Fault((), "is not a JSON object.")])
    return content


def parse_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        Unreadable: it is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Unreadable([Fault((), f"is not valid TOML ({error}).")]) from error


def decode(kind: type[T], content: Mapping[str, Any], **given: Any) -> T:
    """A record from what :func:`parse_json` or :func:`parse_toml` gave, strictly.

    ``given`` are fields that are not for the file to say; its own keys of that name are unknown keys.

    Raises:
        Unreadable: unknown keys, missing ones, wrong types, words that a field does not know: all of them.
    """
    taken = sorted(content.keys() & given.keys())
    try:
        # As JSON, because there an array stands for a tuple and a text for a path, and nowhere else.
        record: T = _adapter(cast(Any, kind)).validate_json(json.dumps({**content, **given}, default=str))
    except ValidationError as error:
        raise Unreadable([*(Fault((key,), UNKNOWN) for key in taken), *faults(kind, error, hidden=given)]) from error
    if taken:
        raise Unreadable([Fault((key,), UNKNOWN) for key in taken])
    return record


def schema(kind: type) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a record."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_adapter(cast(Any, kind)).json_schema()}


@lru_cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
