"""Everything that is wrong with a file is listed at once: the place, and a sentence that says what belongs there."""

from typing import Any

import pytest

from ca_deploy.records.codec import Unreadable, decode
from tests.records.samples import TABLE, Outer


def faults(**changes: Any) -> list[str]:
    with pytest.raises(Unreadable) as error:
        decode(Outer, {**TABLE, **changes})
    return [str(fault) for fault in error.value.faults]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": 3}, "name: 3 is not possible: it has to be a text."),
        ({"count": 1.5}, "count: 1.5 is not possible: it has to be a whole number."),
        ({"count": 1.0}, "count: 1.0 is not possible: it has to be a whole number."),
        ({"count": "1"}, "count: '1' is not possible: it has to be a whole number."),
        ({"count": True}, "count: True is not possible: it has to be a whole number."),
        ({"flag": "yes"}, "flag: 'yes' is not possible: it has to be true or false."),
        ({"word": "god"}, "word: 'god' is unknown. One of: good, bad."),
        ({"bits": 8}, "bits: 8 is unknown. One of: 16, float."),
        ({"inner": [1]}, "inner: [1] is not possible: it has to be a table."),
        ({"inner": None}, "inner: None is not possible: it has to be a table."),
        ({"many": {"a": 1}}, "many: {'a': 1} is not possible: it has to be a list."),
        ({"many": "abc"}, "many: 'abc' is not possible: it has to be a list."),
        ({"named": [1]}, "named: [1] is not possible: it has to be a table."),
        ({"pair": [1]}, "pair.1: missing."),
        ({"pair": [1, 2, 3]}, "pair: [1, 2, 3] is not possible: it has to be a list of 2."),
        ({"size": "big"}, "size: 'big' is not possible: it has to be a whole number or a list."),
        ({"size": [1, "a"]}, "size.1: 'a' is not possible: it has to be a whole number."),
        ({"some": []}, "some: [] is not possible: it has to be a list of at least 1."),
        ({"some": ["a"]}, "some.0: 'a' is not possible: it has to be a whole number."),
        ({"count": -1}, "A count is never negative: pass 0 or more."),
    ],
)
def test_the_sentence_says_what_belongs_there(changes: dict[str, Any], expected: str) -> None:
    assert faults(**changes) == [expected]


@pytest.mark.parametrize("percent", [-1, 100.5, float("nan"), float("inf"), "5"])
def test_a_figure_out_of_its_limits_is_named_with_its_place(percent: Any) -> None:
    (fault,) = faults(inner={"kind": "one", "percent": percent})
    assert fault.startswith(f"inner.percent: {percent!r} is not possible: it has to be ")


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"inner": {"kind": "one", "precent": 1}}, "inner.precent"),
        ({"maybe": {"kind": "one", "precent": 1}}, "maybe.precent"),
        ({"named": {"x": {"kind": "one", "precent": 1}}}, "named.x.precent"),
        ({"many": [{"kind": "one"}, {"kind": "one", "precent": 1}]}, "many.1.precent"),
    ],
)
def test_an_unknown_key_gets_a_suggestion_however_deep_it_is(changes: dict[str, Any], place: str) -> None:
    assert faults(**changes) == [f"{place}: unknown key. Did you mean 'percent'? Known: kind, percent."]


def test_a_key_like_no_other_gets_the_known_ones() -> None:
    (fault,) = faults(colour="red")
    assert fault.startswith("colour: unknown key. Known: bits, count, flag, ")


def test_all_faults_are_found_at_once() -> None:
    found = faults(nmae="x", count="z", inner={"kind": "q", "x": 1}, many=[{}, {"kind": "one", "percent": -1}])
    assert [fault.partition(":")[0] for fault in found] == [
        "count", "inner.kind", "inner.x", "many.0.kind", "many.1.percent", "nmae"
    ]  # fmt: skip
    with pytest.raises(Unreadable) as error:
        decode(Outer, {})
    assert [str(fault) for fault in error.value.faults] == [
        "name: missing.", "count: missing.", "word: missing.", "inner: missing."
    ]  # fmt: skip


def test_a_long_value_is_cut_short() -> None:
    (fault,) = faults(inner="x" * 1000)
    assert len(fault) < 150
    assert "xxx… is not possible" in fault
