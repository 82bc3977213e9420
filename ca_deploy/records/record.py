"""``@record``: a frozen dataclass that pydantic validates, on construction and on reading."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from ca_deploy.errors import UsageError
from ca_deploy.records.faults import CONTRADICTION, faults, refusal
from ca_deploy.records.read_only import ReadOnly

T = TypeVar("T")

# Unknown keys and wrong types are refused; nothing is converted, except an int to a float.
_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, Field))
def record(kind: type[T]) -> type[T]:
    """Make a class a record, which :mod:`ca_deploy.records.codec` writes as JSON and reads from JSON or TOML.

    Constructing a record with a wrong type or an invalid value raises ``UsageError``; ``__post_init__`` may raise it
    for values that contradict each other. Mappings cannot be changed afterwards.
    """
    kind.__post_init__ = _for_pydantic(getattr(kind, "__post_init__", None))  # type: ignore[attr-defined]
    made: Any = dataclass(frozen=True, config=_STRICT)(kind)
    made.__init__ = _for_callers(made, made.__init__)
    return made  # type: ignore[no-any-return]


def _for_pydantic(checks: Any) -> Any:
    """Make mappings read-only, and let ``checks`` raise pydantic's own error, which it collects with its location; any
    other would end the validation."""

    def __post_init__(self: Any) -> None:
        for name, value in vars(self).items():
            if isinstance(value, Mapping):
                object.__setattr__(self, name, ReadOnly(value))
        if checks is None:
            return
        try:
            checks(self)
        except UsageError as error:
            raise refusal(str(error)) from error

    return __post_init__


def _for_callers(kind: Any, checked: Any) -> Any:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            checked(self, *args, **kwargs)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            if first["type"] == CONTRADICTION:
                raise UsageError(first["msg"]) from error
            raise UsageError(f"{kind.__name__}: {' '.join(map(str, faults(kind, error)))}") from error

    __init__.__signature__ = kind.__signature__  # type: ignore[attr-defined]
    __init__.__qualname__ = checked.__qualname__
    return __init__
