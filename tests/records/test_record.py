"""A record is checked when it is made, and stays as it is."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from ca_deploy.errors import UsageError
from tests.records.samples import FULL, Inner, Outer, Word


def make(**other: Any) -> Outer:
    return Outer(**{"name": "n", "count": 1, "word": Word.GOOD, "inner": Inner("one"), **other})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": 3}, "Outer: name: 3 is not possible: it has to be a text."),
        ({"count": "1"}, "Outer: count: '1' is not possible: it has to be a whole number."),
        ({"count": 1.0}, "it has to be a whole number"),
        ({"count": True}, "it has to be a whole number"),
        ({"flag": 1}, "Outer: flag: 1 is not possible: it has to be true or false."),
        ({"word": "good"}, "it has to be an instance of Word"),
        ({"inner": {"kind": "one"}}, "it has to be an instance of Inner"),
        ({"many": [Inner("one")]}, "it has to be a tuple"),
        ({"pair": (1, 2, 3)}, "it has to be a list of 2"),
        ({"place": "/a/b"}, "it has to be an instance of Path"),
        ({"bits": 8}, "Outer: bits: 8 is unknown. One of: 16, float."),
        ({"nmae": "n"}, "Outer: nmae: unknown key. Did you mean 'name'?"),
        ({"name": 3, "flag": 1}, "flag: 1 is not possible"),
    ],
)
def test_wrong_values_are_refused_where_they_are_passed(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as error:
        make(**wrong)
    assert said in str(error.value)


@pytest.mark.parametrize("percent", [-0.1, 100.1, float("nan"), float("inf"), True, "5"])
def test_a_figure_stays_within_its_limits(percent: Any) -> None:
    with pytest.raises(UsageError, match=r"^Inner: percent: .* it has to be"):
        Inner("one", percent)


def test_what_is_passed_by_position_is_called_by_its_name() -> None:
    with pytest.raises(UsageError, match=r"^Inner: kind: 'two' is unknown\. One of: one, another\."):
        Inner("two")  # type: ignore[arg-type]


def test_what_is_missing_is_named() -> None:
    with pytest.raises(UsageError, match=r"name: missing\. count: missing\."):
        Outer()  # type: ignore[call-arg]


@pytest.mark.parametrize("change", [lambda: make(count=-1), lambda: replace(FULL, count=-1)])
def test_values_that_contradict_each_other_are_refused_in_its_own_words(change: Callable[[], Outer]) -> None:
    with pytest.raises(UsageError, match=r"^A count is never negative: pass 0 or more\.$"):
        change()


def test_only_a_whole_number_becomes_another_type() -> None:
    whole: Any = 7
    percent = Inner("one", whole).percent
    assert (percent, type(percent)) == (7.0, float)
    assert make(place=Path("/a/b")).place == Path("/a/b")


def test_it_stays_as_it_is() -> None:
    with pytest.raises(FrozenInstanceError):
        FULL.name = "another"  # type: ignore[misc]
    assert replace(FULL, name="another") != FULL
    assert replace(FULL) == FULL
