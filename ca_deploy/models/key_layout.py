"""Other projects' names for the parameters of a network."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyLayout:
    """How another project names the same parameters: ``(pattern, replacement)`` on each key, first match wins."""

    name: str
    rules: tuple[tuple[str, str], ...]

    def translate(self, key: str) -> str:
        for pattern, replacement in self.rules:
            translated, count = re.subn(pattern, replacement, key)
            if count:
                return translated
        return key
