"""What Kotlin and Swift take for strings in a source, by the grammars of tree-sitter and the languages' own escapes."""

import re
from collections.abc import Iterator

import tree_sitter_kotlin
import tree_sitter_swift
from tree_sitter import Language, Node, Parser

_LANGUAGES = {"kotlin": tree_sitter_kotlin.language, "swift": tree_sitter_swift.language}
_LITERALS = {"string_literal", "multiline_string_literal", "line_string_literal", "multi_line_string_literal"}
_COMMENTS = {"line_comment", "block_comment", "comment", "multiline_comment"}
_SIMPLE = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "0": "\0", "'": "'", '"': '"', "\\": "\\", "$": "$"}
_ESCAPES = {
    "kotlin": r"\\(?:u([0-9a-fA-F]{4})|([tbnr'\"\\$]))",
    "swift": r"\\(?:u\{([0-9a-fA-F]{1,8})\}|([0tnr'\"\\]))",
}
_NEVER_BARE = {"kotlin": '[\\\\$"\n\r]', "swift": '[\\\\"\n\r]'}


def take_apart(language: str, source: str) -> tuple[list[str], str]:
    """The strings of a source, and the source without them and without comments.

    Raises:
        AssertionError: it has a syntax error, or a string has code in it or an escape that the language does not have.
    """
    content = source.encode()
    root = Parser(Language(_LANGUAGES[language]())).parse(content).root_node
    strings, rest, end = [], b"", 0
    for node in _walk(root):
        assert node.type != "ERROR", f"{language}: no syntax: {node.text!r}"
        assert not node.is_missing, f"{language}: {node.type} is missing at {node.start_point}"
        if node.type in _LITERALS:
            strings.append(_decoded(language, node))
        if node.type in _LITERALS | _COMMENTS:
            rest += content[end : node.start_byte] + b"?"
            end = node.end_byte
    return strings, (rest + content[end:]).decode()


def _walk(node: Node) -> Iterator[Node]:
    """All nodes in the order of the source; those below a string are the string's own."""
    yield node
    if node.type not in _LITERALS:
        for child in node.children:
            yield from _walk(child)


def _decoded(language: str, literal: Node) -> str:
    assert not [child.type for child in literal.children if "interpol" in child.type], literal.text
    assert literal.text is not None
    text = literal.text.decode()
    assert len(text) >= 2
    assert text[0] == text[-1] == '"'
    assert not re.search(_NEVER_BARE[language], re.sub(_ESCAPES[language], "", text[1:-1])), text
    decoded = re.sub(_ESCAPES[language], lambda m: chr(int(m[1], 16)) if m[1] else _SIMPLE[m[2]], text[1:-1])
    return decoded.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")  # pairs become one
