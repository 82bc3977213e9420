"""Names and numbers as literals of the languages that snippets are written in, so that none of them becomes code.

Letters of every alphabet and emoji stay readable. What nobody sees (control characters, line separators, marks of
writing direction, lone surrogates) is written by its number, for it could end a line or show other code than there is.
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
    """A Python string literal, for which the language has ``repr``.

    Source: https://docs.python.org/3/reference/lexical_analysis.html#string-and-bytes-literals
    """
    return repr(text)


def python_docstring(text: str) -> str:
    """The same for text inside of a docstring in three double quotes, but not for its last character.

    Single quotes stand for themselves, so that a command in :func:`shell`'s quotes can be copied from the source.
    """
    return "".join(repr(character)[1:-1] for character in text).replace('""', '"\\"')


def kotlin(text: str) -> str:
    r"""A Kotlin string literal, which has ``\t \b \n \r \' \" \\ \$`` and ``\uXXXX``: one unit of UTF-16.

    Source: https://kotlinlang.org/docs/characters.html and https://kotlinlang.org/docs/strings.html#string-templates
    """
    return _quoted(text, _KOTLIN, _utf16_units)


def swift(text: str) -> str:
    r"""A Swift string literal, which has ``\0 \\ \t \n \r \" \'`` and ``\u{n}``: one Unicode scalar.

    A lone surrogate is no scalar, and no Swift string can hold it: it becomes U+FFFD, as when Swift repairs UTF-16.
    Source: https://docs.swift.org/swift-book/documentation/the-swift-programming-language/stringsandcharacters
    """
    scalars = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _quoted(scalars, _SWIFT, _scalar)


def shell(text: str) -> str:
    """One word of a POSIX shell's command line that names a file.

    Source: https://docs.python.org/3/library/shlex.html#shlex.quote
    """
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def number(value: float) -> str:
    """A real number as Python, Swift and (before its ``f``) Kotlin write it: ``0.5``, ``1e-05``.

    Source: https://kotlinlang.org/docs/numbers.html

    Raises:
        ArtifactError: it is not a number, or no finite one in float32, which the snippets compute in.
    """
    try:
        (single,) = struct.unpack("<f", struct.pack("<f", value))
    except (OverflowError, struct.error):
        single = math.nan
    if not math.isfinite(single):
        raise ArtifactError(
            f"No code can be written that feeds the file: {value!r}, which is a mean, a deviation or a tensor's scale, "
            "is not a finite float32. Check the checkpoint, --mean and --std, and export again."
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
