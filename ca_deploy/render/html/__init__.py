"""Sections -> one HTML page that needs nothing else: no network, no script to be complete, and light or dark.

Every text is data: Jinja2 escapes it, invisible characters are escape sequences, and the page's own policy
(Content-Security-Policy) runs no script and loads no address but what is written here.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from ca_deploy.errors import visible
from ca_deploy.render.blocks import Facts, Phrase, Piece
from ca_deploy.render.html import drawing
from ca_deploy.render.report.figures import Section

_TEMPLATES = Path(__file__).with_name("templates")
_SHORT = 20  # characters
_MARK = re.compile(r"(?<=\w)[._/-](?=[^\W\d])|(?<=[^\W\d])[._/-](?=\w)")  # not inside a number


def page(title: str, about: Facts, sections: Sequence[Section]) -> str:
    """The whole document."""
    style, script = (_own(name) for name in ("style.css", "sort.js"))
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    content = {"title": title, "about": about, "sections": sections, "policy": policy}
    return _environment().get_template("page.html").render(content, style=Markup(style), script=Markup(script))


def _own(name: str) -> str:
    """A part of the page that we wrote, as it stands between its tags."""
    return (_TEMPLATES / name).read_text(encoding="utf-8").strip()


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@lru_cache
def _environment() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"pieces": _pieces, "text": _text, "kind": lambda part: type(part).__name__}
    found.filters |= {"breaking": _breaking, "classes": _classes}
    found.filters |= {"base64": lambda content: base64.b64encode(content).decode()}
    found.globals |= {"draw": drawing}
    return found


def _shown(value: Any) -> Any:
    """Text without characters that are invisible or turn it around; ours, which is markup, stays as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _breaking(text: str) -> Markup:
    """Text that may continue in the next line behind the marks in a name."""
    return Markup(_MARK.sub(r"\g<0><wbr>", str(escape(visible(text)))))


def _pieces(phrase: Phrase) -> list[tuple[str, str]]:
    """Each piece with the name of its role, in small letters."""
    listed = phrase if isinstance(phrase, tuple) else (phrase,)
    return [(one.text, one.role.name.lower()) if isinstance(one, Piece) else (one, "plain") for one in listed]


def _text(phrase: Phrase) -> str:
    return "".join(text for text, _ in _pieces(phrase))


def _classes(text: str, align: str) -> Markup:
    """The attribute of a cell: figures stand right, and a short text does not wrap."""
    short = "short" if align == "left" and 0 < len(text) < _SHORT else "empty" if not text else ""
    names = " ".join(name for name in ("right" if align == "right" else "", short) if name)
    return Markup(f' class="{names}"') if names else Markup("")
