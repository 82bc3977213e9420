"""Records become JSON and come back; nothing else is taken for one."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from ca_deploy.records.codec import Unreadable, decode, parse_json, parse_toml, schema, to_json
from ca_deploy.records.parity import ParityReport, Status
from ca_deploy.records.recipe import Tolerances
from tests.records.samples import FULL, TABLE, Inner, Outer, Word


def test_a_record_comes_back_from_its_json() -> None:
    assert decode(Outer, parse_json(to_json(FULL))) == FULL
    bare = decode(Outer, TABLE)
    assert decode(Outer, parse_json(to_json(bare))) == bare


def test_json_holds_plain_values_and_every_field() -> None:
    content = json.loads(to_json(FULL))
    assert content["word"] == "bad"
    assert content["place"] == "/a folder/b"
    assert content["many"][0] == {"kind": "another", "percent": 0.1}
    assert content.keys() == Outer.__dataclass_fields__.keys()
    assert "Gänseblümchen" in content["name"]


def test_plain_data_with_records_in_it_becomes_json_too() -> None:
    content = json.loads(to_json({"a": [Inner("one")], "word": Word.GOOD, "path": Path("b"), "inf": math.inf}))
    assert content == {"a": [{"kind": "one", "percent": 0.0}], "word": "good", "path": "b", "inf": None}


def test_toml_is_read_as_json_is(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(
        'name = "n"\ncount = 1\nword = "good"\nplace = "/a/b"\npair = [1, 2]\nbits = "float"\n'
        '[inner]\nkind = "one"\npercent = 5\n[[many]]\nkind = "another"\n[named.x]\nkind = "one"\n'
    )
    found = decode(Outer, parse_toml(path))
    assert found.inner == Inner("one", 5.0)
    assert (found.many, found.named) == ((Inner("another"),), {"x": Inner("one")})
    assert (found.word, found.place, found.pair, found.bits) == (Word.GOOD, Path("/a/b"), (1, 2), "float")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", '"a"', "nan", '{"a": 1} x', b"\xff", b'{"a": "\xff"}', "[" * 100_000, "9" * 5000],
    ids=range(10),
)
def test_what_is_no_json_object_is_refused_in_a_sentence(text: str | bytes) -> None:
    with pytest.raises(Unreadable, match=r"^is not (valid JSON|a JSON object)"):
        parse_json(text)


@pytest.mark.parametrize("text", [b"a = ", b"a = 1\na = 2", b"\xff", b"a = " + b"[" * 50_000], ids=range(4))
def test_what_is_no_toml_is_refused_in_a_sentence(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(text)
    with pytest.raises(Unreadable, match=r"^is not valid TOML"):
        parse_toml(path)


def test_a_field_that_is_given_is_no_key_of_the_file() -> None:
    content = {key: value for key, value in TABLE.items() if key != "name"}
    assert decode(Outer, content, name="given").name == "given"
    with pytest.raises(Unreadable, match=r"^name: unknown key"):
        decode(Outer, TABLE, name="given")


def test_a_message_about_a_file_names_it_once_and_lists_its_faults() -> None:
    with pytest.raises(Unreadable) as error:
        parse_json("[1]")
    assert error.value.about("a.json") == ["a.json is not a JSON object."]
    with pytest.raises(Unreadable) as error:
        decode(Outer, {**TABLE, "name": 3, "flag": 1})
    lines = error.value.about("a.json")
    assert lines[0] == "a.json has 2 error(s):"
    assert [line.partition(":")[0] for line in lines[1:]] == ["  name", "  flag"]


def test_what_is_wrong_can_be_left_out() -> None:
    content: dict[str, Any] = {**TABLE, "count": "x", "inner": {"kind": "one", "percent": 200}, "many": [{"kind": 1}]}
    with pytest.raises(Unreadable) as error:
        decode(Outer, content)
    kept = error.value.without_faults(content)
    assert kept == {"name": "n", "word": "good", "inner": {"kind": "one"}}
    assert content["inner"]["percent"] == 200  # the content itself is left alone


def test_the_schema_is_that_of_the_record() -> None:
    found = schema(Outer)
    assert found["required"] == ["name", "count", "word", "inner"]
    assert found["properties"].keys() == Outer.__dataclass_fields__.keys()
    assert found["additionalProperties"] is False


def test_what_json_lacks_becomes_null_inside_records_too() -> None:
    assert json.loads(to_json({"figure": math.nan, "several": [math.inf]})) == {"figure": None, "several": [None]}
    report = ParityReport(Status.FAIL, "", "a", "b", "c", Tolerances(), max_abs_error=math.nan, sqnr_db=math.inf)
    content = json.loads(to_json(report))
    assert (content["max_abs_error"], content["sqnr_db"]) == (None, None)
    assert decode(ParityReport, parse_json(to_json(report))).sqnr_db is None


@pytest.mark.parametrize("levels", [60, 3000])
def test_deep_nesting_is_a_fault_and_no_recursion(levels: int) -> None:
    content: dict[str, Any] = {}
    for _ in range(levels):
        content = {"a": content}
    with pytest.raises(Unreadable, match="nested more than 40 levels"):
        decode(Outer, content)
