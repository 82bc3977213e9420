"""Every character comes back from a literal as it was; numbers are finite in each language."""

import ast
import math

import numpy as np
import pytest

from ca_deploy.errors import ArtifactError
from ca_deploy.formats import _quoting as quoting
from tests.hostile import TEXTS
from tests.syntax_trees import take_apart

# Dots keep halves of surrogate pairs apart: side by side they are one character to UTF-16.
EVERY_CHARACTER = ".".join(
    chr(code) for plane in (0, 1, 14, 16) for code in range(plane << 16, (plane << 16) + 0x10000)
)


@pytest.mark.parametrize("text", [*TEXTS, EVERY_CHARACTER], ids=range(len(TEXTS) + 1))
def test_text_comes_back_and_nothing_unseen_is_in_the_source(text: str) -> None:
    literals = {"python": quoting.python(text), "kotlin": quoting.kotlin(text), "swift": quoting.swift(text)}
    assert all(literal.isprintable() for literal in literals.values())
    assert ast.literal_eval(literals["python"]) == text
    assert ast.literal_eval(f'"""a {quoting.python_docstring(text)} b"""') == f"a {text} b"
    assert take_apart("kotlin", f"val text = {literals['kotlin']}") == ([text], "val text = ?")
    scalars = "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    assert take_apart("swift", f"let text = {literals['swift']}") == ([scalars], "let text = ?")


def test_two_halves_of_a_pair_are_one_character_in_utf_16() -> None:
    assert quoting.swift("\ud83c\udf3c") == '"🌼"'
    assert quoting.kotlin("\ud83c\udf3c") == '"\\ud83c\\udf3c"'


@pytest.mark.parametrize(
    ("value", "written"), [(0.485, "0.485"), (0, "0.0"), (-1e-05, "-1e-05"), (1e-60, "0.0"), (np.float32(0.5), "0.5")]
)
def test_numbers_are_literals_in_all_three_languages(value: float, written: str) -> None:
    assert quoting.number(value) == written


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e39, "1, evil()"])
def test_what_is_no_finite_float32_is_refused(value: float) -> None:
    with pytest.raises(ArtifactError, match="not a finite float32"):
        quoting.number(value)
