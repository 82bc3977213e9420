"""Out of the system's memory, onto the disk: what a power cut must not take back (fsync(2))."""

import os
from contextlib import suppress
from pathlib import Path


def flush(path: Path) -> None:
    """Put a file, or a folder with all that is in it, on disk."""
    if path.is_dir():
        for child in path.iterdir():
            if not child.is_symlink():
                flush(child)
        flush_entries(path)
    elif path.is_file():
        _flush(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)  # Windows flushes only what is open for writing


def flush_entries(folder: Path) -> None:
    """Put the names in a folder on disk, which a file's own flushing does not do."""
    with suppress(OSError):  # a system or file system that flushes no folders (Windows)
        _flush(folder, os.O_RDONLY)


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
