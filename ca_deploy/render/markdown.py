"""Blocks and sections -> Markdown as GitHub shows it: for a pull request, or a file beside the code.

Texts are data: whatever would be markup, a link, a mention or the number of an issue is escaped.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from ca_deploy.errors import visible
from ca_deploy.render.blocks import Bars, Column, Facts, Hint, Line, Page, Phrase, Piece, Role, Table
from ca_deploy.render.report.figures import Answer, Code, Details, Part, Section

_MARKUP = re.compile(r"([\\`*_{}\[\]|~$!])")
_LINK = re.compile(r"(?i)(://|www\.|@|#)")
_JOINER = "\N{WORD JOINER}"  # invisible; GitHub then sees neither an address nor a mention
_MARKS = {Role.GOOD: "✅ ", Role.CAUTION: "⚠️ ", Role.BAD: "❌ "}


def document(title: str, about: Facts, sections: Sequence[Section]) -> str:
    """A report with its headings."""
    lines = [f"# {_escaped(title)}", "", *_facts(about)]
    for section in sections:
        lines += ["", f"## {_escaped(section.title)}", "", *_parts(section.parts)]
    return _joined(lines)


def page(given: Page) -> str:
    """A page of blocks, as the terminal shows it."""
    return _joined(list(_parts(given.blocks)))


def _joined(lines: Sequence[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _parts(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        match part:
            case Answer():
                yield from ("", f"**{_text(part.title, strong=False)}**", "")
                yield from (f"- {_escaped(reason)}" for reason in part.reasons)
                yield from (f"- ⚠️ {_escaped(doubt)}" for doubt in part.doubts)
            case Line() | Hint():
                yield from ("", f"- {_text(part.text)}" if part.indent else _text(part.text))
            case Table():
                yield from _table(part)
            case Facts():
                yield from _facts(part)
            case Bars():
                columns = (Column(part.heading), *(Column(name, "right") for name in (*part.figures, part.unit)))
                rows = tuple((bar.label, *bar.figures, f"{bar.value:.1f}") for bar in part.bars)
                yield from _table(Table(columns, rows))
            case Code():
                yield from _code(part.lines)
            case Details():
                yield from ("", f"<details><summary>{_escaped(part.title)}</summary>", "", *_parts(part.parts))
                yield from ("", "</details>", "")
            case _:  # a figure, which is drawn in the HTML page
                yield from ("", f"*{_escaped(part.title)}.* {_escaped(part.said)}", "")


def _table(table: Table) -> Iterator[str]:
    yield ""
    if table.caption:
        yield from (_escaped(table.caption), "")
    yield _row(_text(column.heading) for column in table.columns)
    yield _row("--:" if column.align == "right" else "---" for column in table.columns)
    yield from (_row(map(_text, row)) for row in table.rows)
    yield ""


def _facts(facts: Facts) -> Iterator[str]:
    title = (f"**{_escaped(facts.title)}**", "") if facts.title else ()
    yield from ("", *title, _row(("", "")), _row(("---", "---")))
    yield from (_row(map(_text, row)) for row in facts.rows)
    yield ""


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(lines: Sequence[str]) -> Iterator[str]:
    text = [visible(line) for line in lines]
    fence = "`" * (1 + max([2, *(len(ticks) for line in text for ticks in re.findall("`+", line))]))
    yield from ("", f"{fence}sh", *text, fence, "")


def _text(phrase: Phrase, strong: bool = True) -> str:
    listed = phrase if isinstance(phrase, tuple) else (phrase,)
    return "".join(_piece(one, strong) if isinstance(one, Piece) else _escaped(one) for one in listed)


def _piece(piece: Piece, strong: bool) -> str:
    if piece.role is Role.STRONG:
        return f"**{_escaped(piece.text)}**" if strong and piece.text.strip() else _escaped(piece.text)
    return _MARKS.get(piece.role, "") + _escaped(piece.text)


def _escaped(text: str) -> str:
    plain = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LINK.sub(rf"\1{_JOINER}", _MARKUP.sub(r"\\\1", plain))
