"""Names of parameters and properties in generated code, made of names that may contain anything."""

import keyword
import re
from collections.abc import Collection, Iterable

_LONGEST = 40


def words(text: str) -> frozenset[str]:
    """The words in a text."""
    return frozenset(re.findall(r"\w+", text, re.ASCII))


PYTHON = words(" ".join(keyword.kwlist))
# Source: https://kotlinlang.org/docs/keyword-reference.html#hard-keywords
KOTLIN = words("""
    as break class continue do else false for fun if in interface is null object package return super this throw true
    try typealias typeof val var when while
""")
# Source: https://docs.swift.org/swift-book/documentation/the-swift-programming-language/lexicalstructure
SWIFT = words("""
    any as associatedtype async await break case catch class continue default defer deinit do else enum extension
    fallthrough false fileprivate for func guard if import in init inout internal is let nil open operator
    precedencegroup private protocol public repeat rethrows return self static struct subscript super switch throw
    throws true try type typealias var where while
""")


def identifiers(names: Iterable[str], taken: Collection[str], otherwise: str) -> tuple[str, ...]:
    """For each name one like it that is legal in Python, Kotlin and Swift, not among ``taken``, and its own.

    Case does not tell two of them apart: on a JVM, properties ``x`` and ``X`` would have one getter. A name without a
    letter of ASCII becomes ``otherwise``.
    """
    used = {name.lower() for name in taken}
    found = []
    for name in names:
        legal = re.sub(r"\W", "_", name[:_LONGEST], flags=re.ASCII)
        if not re.search("[A-Za-z]", legal):
            legal = f"{otherwise}{legal.rstrip('_')}"
        elif legal[0].isdigit():
            legal = f"{otherwise}_{legal}"
        number, free = 1, legal
        while free.lower() in used:
            number += 1
            free = f"{legal}_{number}"
        used.add(free.lower())
        found.append(free)
    return tuple(found)
