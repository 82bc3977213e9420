"""Markdown as GitHub's parser family reads it: our structure is there, and nothing of a text becomes markup."""

import pytest
from markdown_it import MarkdownIt

from ca_deploy.render.blocks import Bar, Bars, Column, Facts, Hint, Line, Page, Piece, Role, Table
from ca_deploy.render.markdown import document, page
from ca_deploy.render.report.figures import Answer, Boxes, Code, Details, Section
from tests.hostile import MARKUP, TEXTS

READER = MarkdownIt("commonmark", {"html": True}).enable("table")
NASTY = (
    "a | b", "`x`", "**x**", "<img src=x onerror=y>", "[x](http://evil)", "![x](y)", "@someone", "#12", "www.evil.com",
    "http://evil", "|\n| --- |\nx", "\\| \\", "$x$", "~~x~~", "<!-- x -->", "&lt;script&gt;", "1. x", "# x", "- x",
)  # fmt: skip
INNER = {"text", "text_special", "entity", "strong_open", "strong_close", "em_open", "em_close", "html_inline"}


def test_a_page_is_tables_lists_and_paragraphs() -> None:
    made = page(
        Page(
            (
                Line(("It is ", Piece("valid", Role.GOOD), " and ", Piece("a_b", Role.STRONG))),
                Line("first", indent=2),
                Hint("a hint"),
                Table((Column("file"), Column("ms", "right")), (("a_b", "1.5"),), "a caption"),
                Facts("facts", (("name", "value"),)),
                Bars("operator", "%", (Bar("Conv", 12.34, ("3",)),), ("count",)),
            )
        )
    )
    html = READER.render(made)
    assert html.count("<table>") == 3 and "<li>first</li>" in html and "<strong>a_b</strong>" in html
    assert '<td style="text-align:right">1.5</td>' in html and "✅ valid" in html and "12.3" in html


@pytest.mark.parametrize("text", [*NASTY, MARKUP, *TEXTS[4:]])
def test_hostile_texts_stay_text(text: str) -> None:
    table = Table((Column(text),), ((text,), ("last",)), text)
    bold = Piece(text, Role.STRONG)
    parts = (Answer((bold,), True, (text,), (text,)), Line((bold, text)), table, Facts(text, ((text, text),)))
    section = Section(text, "x", (*parts, Details(text, (Code((text,)),)), Boxes(text, text, ())))
    tokens = READER.parse(document(text, Facts("", ((text, text),)), (section,)))
    inner = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in inner} <= INNER
    html = [token.content for token in (*tokens, *inner) if token.type.startswith("html")]
    assert all(one.strip().startswith(("<details><summary>", "</details>")) for one in html), html
    assert [token.type for token in tokens].count("table_open") == 3
    assert [token.type for token in tokens].count("heading_open") == 2
    plain = "".join(child.content for child in inner if child.type.startswith("text"))
    for mark in ("@", "#", "://", "www."):
        assert plain.count(mark) == plain.count(f"{mark}\N{WORD JOINER}")
    assert plain.endswith("last") or "last" in plain


def test_code_keeps_its_fence() -> None:
    made = document("t", Facts("", ()), (Section("s", "s", (Code(("echo ````", "x")),)),))
    (fence,) = [token for token in READER.parse(made) if token.type == "fence"]
    assert fence.content == "echo ````\nx\n"
