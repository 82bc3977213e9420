"""Records with a field of every kind, for the tests of how records are checked, written and read."""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from ca_deploy.errors import UsageError
from ca_deploy.records.record import record


class Word(StrEnum):
    GOOD = "good"
    BAD = "bad"


@record
class Inner:
    """A table inside another."""

    kind: Literal["one", "another"]
    percent: Annotated[float, Field(ge=0, le=100)] = 0.0


@record
class Outer:
    """A table of everything; a negative count contradicts what it is."""

    name: str
    count: int
    word: Word
    inner: Inner
    many: tuple[Inner, ...] = ()
    maybe: Inner | None = None
    named: Mapping[str, Inner] = field(default_factory=dict)
    place: Path | None = None
    flag: bool = False
    pair: tuple[int, int] | None = None
    bits: Literal[16, "float"] = 16
    size: int | tuple[int, int] = 1
    some: Annotated[tuple[int, ...], Field(min_length=1)] = (1,)

    def __post_init__(self) -> None:
        if self.count < 0:
            raise UsageError("A count is never negative: pass 0 or more.")


TABLE: dict[str, Any] = {"name": "n", "count": 1, "word": "good", "inner": {"kind": "one"}}
FULL = Outer(
    name="Gänseblümchen",
    count=10**30,
    word=Word.BAD,
    inner=Inner("one", 3),
    many=(Inner("another", 0.1), Inner("one")),
    maybe=Inner("one"),
    named={"a.b": Inner("one")},
    place=Path("/a folder/b"),
    flag=True,
    pair=(1, 2),
    bits="float",
)
