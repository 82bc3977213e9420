"""What files that we make are called, whatever a model's file, a factory or a recipe is called."""

import hashlib
import re

# A file name has 255 bytes (NAME_MAX). Ours have two stems, at most `.float32.mlpackage`, and a prefix for a moment.
_MOST_BYTES = 100


def file_stem(name: str) -> str:
    """``name`` as a part of file names: letters, digits, ``_``, ``.`` and ``-``; neither hidden nor like an option.

    Every other character, and a ``.`` or ``-`` at the start, becomes ``_``. What is longer than 100 bytes in UTF-8 ends
    in a hash of all of it, so that two names that differ late stay two.
    """
    stem = re.sub(r"^[.-]|[^\w.-]", "_", name) or "_"
    if len(stem.encode()) <= _MOST_BYTES:
        return stem
    digest = hashlib.sha256(stem.encode()).hexdigest()[:8]
    return f"{stem.encode()[: _MOST_BYTES - 9].decode(errors='ignore')}_{digest}"
