"""Names, content hashes (sha256) and sizes of files."""

import errno
import hashlib
import re
import stat
from pathlib import Path

# A file name has up to 255 bytes (NAME_MAX): here two stems, a suffix up to `.float32.mlpackage`, at times a prefix.
_MOST_BYTES = 100


def file_stem(name: str) -> str:
    """``name`` as a safe part of file names: letters, digits, ``_``, ``.`` and ``-``; not hidden, not like an option.

    Every other character, and a ``.`` or ``-`` at the start, becomes ``_``. A name of more than 100 bytes in UTF-8 is
    cut and ends in a hash of the whole, so that names that differ only near the end stay distinct.
    """
    stem = re.sub(r"^[.-]|[^\w.-]", "_", name) or "_"
    if len(stem.encode()) <= _MOST_BYTES:
        return stem
    digest = sha256_of_bytes(stem.encode())[:8]
    return f"{stem.encode()[: _MOST_BYTES - 9].decode(errors='ignore')}_{digest}"


def sha256_of(path: Path) -> str:
    """Hash of a file's content; for a folder (an ``.mlpackage``), of the hashes and relative paths of all its files."""
    if path.is_dir():
        listing = "".join(f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n" for file in _files(path))
        return sha256_of_bytes(listing.encode())
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def other_kind(path: Path) -> str:
    """What is at a path instead of a regular file, as in ``is a folder``; "" for a regular file.

    Whatever opens another kind waits for a writer, or reads without end.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "is a link to a file that does not exist" if path.is_symlink() else "does not exist"
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "is a link that leads back to itself"
        raise
    except ValueError:
        return "has a NUL character in its name, which no file has"
    if stat.S_ISREG(mode):
        return ""
    kinds = {stat.S_ISDIR: "is a folder", stat.S_ISFIFO: "is a named pipe", stat.S_ISSOCK: "is a socket"}
    return next((said for is_kind, said in kinds.items() if is_kind(mode)), "is a device") + (
        "" if stat.S_ISDIR(mode) else ", not a regular file"
    )


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in _files(path)) if path.is_dir() else path.stat().st_size


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def sha256_of_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
