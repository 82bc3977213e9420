"""Names of any kind become identifiers that are legal, distinct, and not those of the code around them."""

import keyword

import pytest

from ca_deploy.formats._identifiers import KOTLIN, PYTHON, SWIFT, identifiers, words
from tests.hostile import LONG, TEXTS, payloads


def test_ordinary_names_stay() -> None:
    assert identifiers(["image", "state_out", "x2"], PYTHON, "input") == ("image", "state_out", "x2")


@pytest.mark.parametrize(
    ("name", "becomes"),
    [("", "input"), ("___", "input"), ("雏菊", "input"), ("9", "input9"), ("9x", "input_9x"), ("a b*/", "a_b__")],
)
def test_what_no_language_can_call_so(name: str, becomes: str) -> None:
    assert identifiers([name], (), "input") == (becomes,)


@pytest.mark.parametrize("taken", [PYTHON, KOTLIN, SWIFT])
def test_all_are_legal_distinct_and_not_taken(taken: frozenset[str]) -> None:
    names = [*TEXTS, *TEXTS, *payloads("x"), LONG, LONG + "y", *sorted(taken), "CLASS", "x", "X", "x_2"]
    found = identifiers(names, taken, "input")
    assert len({name.lower() for name in found}) == len(names)
    for name in found:
        assert name.isascii()
        assert name.isidentifier()
        assert not keyword.iskeyword(name) or taken != PYTHON
        assert name not in taken
        assert name.strip("_")
        assert len(name) < 50


def test_words() -> None:
    assert words("fun run(x: Float) = x_2") == {"fun", "run", "x", "Float", "x_2"}
