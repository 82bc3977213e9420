"""Flushes files and folders to disk, so that they survive a power cut (fsync(2))."""

import os
from contextlib import suppress
from pathlib import Path


def flush(path: Path) -> None:
    """Flush a file, or a folder with all that is in it."""
    if path.is_dir():
        for child in path.iterdir():
            if not child.is_symlink():
                flush(child)
        flush_entries(path)
    elif path.is_file():
        _flush(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)  # Windows flushes only files open for writing


def flush_entries(folder: Path) -> None:
    """Flush the entries of a folder, which flushing its files does not do."""
    with suppress(OSError):  # a system or file system that cannot flush folders (Windows)
        _flush(folder, os.O_RDONLY)


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
