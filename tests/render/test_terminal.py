"""What is printed is what the blocks say, whatever the names look like."""

import pytest

from ca_deploy.render import terminal
from ca_deploy.render.blocks import Bar, Bars, Block, Column, Facts, Hint, Line, Page, Piece, Role, Table
from tests.hostile import LONG, MARKUP, TEXTS

SEEN = r"[red]a[/red] [/] \[b] :warning: \x1b[31m\x07\r<b>"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Shown":
    return Shown(monkeypatch, capsys)


class Shown:
    """Blocks -> what stands on a terminal of that width."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *blocks: Block, width: int | None = 80, least_width: int = 0, colour: bool = False) -> str:
        for name in ("FORCE_COLOR", "NO_COLOR", "COLORTERM"):
            self._monkeypatch.delenv(name, raising=False)
        if colour:
            self._monkeypatch.setenv("FORCE_COLOR", "1")
        self._monkeypatch.setenv("TERM", "xterm-256color")
        if width is None:
            self._monkeypatch.delenv("COLUMNS", raising=False)
        else:
            self._monkeypatch.setenv("COLUMNS", str(width))
        terminal.show(Page(blocks, least_width))
        return self._capsys.readouterr().out


def test_names_are_never_markup(shown: Shown) -> None:
    blocks = (
        Line((MARKUP, Piece(MARKUP, Role.STRONG)), wrap=True),
        Hint(MARKUP),
        Facts(MARKUP, ((MARKUP, MARKUP),), framed=True),
        Table((Column(MARKUP),), ((MARKUP,),), caption=MARKUP),
        Bars(MARKUP, MARKUP, (Bar(MARKUP, 1.0, (MARKUP,)),), (MARKUP,)),
    )
    assert shown(*blocks, width=400).count(SEEN) == 2 + 1 + 3 + 3 + 5
    coloured = shown(*blocks, width=400, colour=True)
    assert "\x1b[31m" not in coloured
    assert "\x07" not in coloured


@pytest.mark.parametrize("text", [*TEXTS, LONG])
def test_a_terminal_obeys_no_character_of_a_name(text: str, shown: Shown) -> None:
    said = shown(Line(text), Facts(text, ((text, text),)), width=200)
    assert all(character.isprintable() or character == "\n" for character in said)


def test_roles_have_colours_on_a_terminal_only(shown: Shown) -> None:
    line = Line(tuple(Piece(role.name, role) for role in Role), indent=2)
    assert shown(line) == "  PLAINSTRONGGOODCAUTIONBADUNKNOWN\n"
    assert shown(line, colour=True) == (
        "  PLAIN\x1b[1mSTRONG\x1b[0m\x1b[32mGOOD\x1b[0m\x1b[33mCAUTION\x1b[0m\x1b[31mBAD\x1b[0m\x1b[36mUNKNOWN\x1b[0m\n"
    )


def test_lines_stay_whole_unless_they_wrap(shown: Shown) -> None:
    words = "word " * 29 + "end"
    assert shown(Line(words, gap=True)) == f"\n{words}\n"
    assert shown(Line(words, wrap=True)).split("\n") == ["word " * 16, "word " * 13 + "end", ""]
    assert shown(Hint(words, gap=True), least_width=100).split("\n") == ["", "word " * 20, "word " * 9 + "end", ""]


def test_a_hint_sets_off_its_figures(shown: Shown) -> None:
    assert shown(Hint("see 12 more", indent=2), colour=True) == "  see \x1b[1;36m12\x1b[0m more\n"


def test_a_table_folds_what_is_too_wide_and_keeps_its_least_width(shown: Shown) -> None:
    table = Table((Column("file"), Column("ms", "right")), (("a" * 90, "1.25"), ("b", "10")), caption="in all")
    lines = shown(table, least_width=120).splitlines()
    assert lines[1:] == [f"{'a' * 90}  1.25", f"{'b':90}    10", "in all".ljust(96)]
    assert shown(table).splitlines()[1:3] == [f"{'a' * 74}  1.25", f"{'a' * 16}{' ' * 64}"]


def test_in_a_pipe_each_row_is_one_line(shown: Shown) -> None:
    table = Table((Column("file"), Column("ms", "right")), (("a " * 90, "1.25"), ("b", "10")))
    assert shown(table, width=None).splitlines()[1:] == [f"{'a ' * 90}  1.25", f"{'b':180}    10"]
    assert shown(Facts("title", (("name", "word " * 40),)), width=None).splitlines()[1].count("word") == 40
    assert len(shown(Hint("word " * 40), width=None).splitlines()) == 3


def test_bars_in_succession_stand_side_by_side(shown: Shown) -> None:
    operators = Bars("operator", "%", (Bar("CONV", 75.04, ("3",)), Bar("ADD", 24.96, ("12",))), ("count",))
    modules = Bars("module", "%", (Bar("features.0", 100.0),))
    assert shown(operators, modules).splitlines() == [
        "operator  count     %    module          %",
        "CONV          3  75.0    features.0  100.0",
        "ADD          12  25.0                     ",
    ]
    assert shown(operators, Line(""), modules).count("\n\n") == 1
