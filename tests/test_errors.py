"""What messages say of the errors of others, and how names in them are shown."""

import json

import pytest

from ca_deploy.errors import ArtifactError, first_line, wrong_in_file


def raised(code: str) -> Exception:
    with pytest.raises(Exception) as found:
        exec(code, {"json": json})
    return found.value


@pytest.mark.parametrize(
    "code",
    ["[][3]", "{}['weights']", "None.shape", "'a' / 2", "a, b = 1,", "[].index(5)", "assert False", "1 // 0", "len(5)"],
)
def test_python_is_not_quoted(code: str) -> None:
    """Its words are about the variables of a parser."""
    assert wrong_in_file(raised(code)) == "its parts do not fit together"


def test_what_says_something_of_the_file_is_kept() -> None:
    said = "unexpected end of data at byte 17"
    assert wrong_in_file(ValueError(f"{said}.")) == wrong_in_file(RuntimeError(f"{said}.\nmore")) == said
    assert wrong_in_file(raised("json.loads('[')")).startswith("Expecting value: line 1")
    assert wrong_in_file(raised("open('/nowhere/at all')")) == "No such file or directory"


def test_kinds_of_damage_have_words_of_their_own() -> None:
    assert wrong_in_file(raised("b'\\xff'.decode()")) == "it has text that is not UTF-8"
    assert wrong_in_file(raised("json.loads('[' * 100_000)")) == "it is nested too deeply"
    for code in ("int('x')", "json.loads('9' * 5000)", "int(float('nan'))", "float('a')"):
        assert wrong_in_file(raised(code)) == "it has a number that cannot be one"
    assert wrong_in_file(MemoryError()) == "it claims more than this machine's memory"


def test_control_characters_of_names_are_escaped() -> None:
    assert str(ArtifactError("the node \x1b[2J\x07", "is\nunknown")) == "the node \\x1b[2J\\x07\nis\\nunknown"
    assert first_line(ValueError("\x1b[31mred\nmore")) == "\\x1b[31mred"
