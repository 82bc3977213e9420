"""Names and numbers as literals in the languages of the snippets, so that none of them becomes code.

Letters of every alphabet and emoji stay readable. Invisible characters (control characters, line separators, marks of
writing direction, lone surrogates) become escape sequences, because they could end a line or disguise the code.
"""

import math
import shlex
import struct
from collections.abc import Callable, Mapping

from ca_deploy.errors import ArtifactError

_COMMON = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_KOTLIN = {**_COMMON, "\b": "\\b", "$": "\\$"}
_SWIFT = {**_COMMON, "\0": "\\0"}


def python(text: str) -> str:
    """A Python string literal, by ``repr``.

    Source: https://docs.python.org/3/reference/lexical_analysis.html#string-and-bytes-literals
    """
    return repr(text)


def python_docstring(text: str) -> str:
    """Text inside a docstring in triple double quotes, except at its end.

    Single quotes are not escaped, so that a command quoted by :func:`shell` can be copied from the source.
    """
    return "".join(repr(character)[1:-1] for character in text).replace('""', '"\\"')


def kotlin(text: str) -> str:
    r"""A Kotlin string literal. Its escapes are ``\t \b \n \r \' \" \\ \$``, and ``\uXXXX`` for a UTF-16 code unit.

    Source: https://kotlinlang.org/docs/characters.html and https://kotlinlang.org/docs/strings.html#string-templates
    """
    return _quoted(text, _KOTLIN, _utf16_units)


def swift(text: str) -> str:
    r"""A Swift string literal. Its escapes are ``\0 \\ \t \n \r \" \'``, and ``\u{n}`` for a Unicode scalar.

    A lone surrogate is not a scalar, so no Swift string contains it: it becomes U+FFFD, as when Swift repairs UTF-16.
    Source: https://docs.swift.org/swift-book/documentation/the-swift-programming-language/stringsandcharacters
    """
    scalars = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _quoted(scalars, _SWIFT, _scalar)


def shell(text: str) -> str:
    """A file name as one word of a POSIX shell command.

    Source: https://docs.python.org/3/library/shlex.html#shlex.quote
    """
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def number(value: float) -> str:
    """A number as a literal in Python, Swift and (before its suffix ``f``) Kotlin: ``0.5``, ``1e-05``.

    Source: https://kotlinlang.org/docs/numbers.html

    Raises:
        ArtifactError: the number is not finite in float32, which the snippets compute in.
    """
    try:
        (single,) = struct.unpack("<f", struct.pack("<f", value))
    except (OverflowError, struct.error):
        single = math.nan
    if not math.isfinite(single):
        raise ArtifactError(
            f"No code can be generated for the file: {value!r}, which is a mean, a standard deviation or a tensor's "
            "scale, is not a finite float32. Check the checkpoint, --mean and --std, and export again."
        )
    return repr(float(value) if single else 0.0)  # Kotlin may refuse a literal that rounds to zero


def _quoted(text: str, escapes: Mapping[str, str], by_number: Callable[[str], str]) -> str:
    def written(character: str) -> str:
        return escapes.get(character) or (character if character.isprintable() else by_number(character))

    return f'"{"".join(map(written, text))}"'


def _utf16_units(character: str) -> str:
    return "".join(
        f"\\u{unit:04x}" for (unit,) in struct.iter_unpack("<H", character.encode("utf-16-le", "surrogatepass"))
    )


def _scalar(character: str) -> str:
    return f"\\u{{{ord(character):x}}}"
