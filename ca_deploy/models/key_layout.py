"""Parameter names that other projects use for the same network."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyLayout:
    """Another project's parameter names, as regular expressions ``(pattern, replacement)``; the first match wins."""

    name: str
    rules: tuple[tuple[str, str], ...]

    def translate(self, key: str) -> str:
        for pattern, replacement in self.rules:
            translated, count = re.subn(pattern, replacement, key)
            if count:
                return translated
        return key


NATIVE = KeyLayout("native", ())
