"""Swaps two files or folders, so that a file is never missing for anyone who reads it meanwhile."""

import os
import sys
from pathlib import Path

_AT_FDCWD = -100  # <fcntl.h>
_RENAME_EXCHANGE = 2  # <linux/fs.h>
_RENAME_SWAP = 2  # <sys/stdio.h> of macOS


def exchange(new: Path, place: Path, aside: Path) -> None:
    """Swap two files or folders of one file system, in one step where the system can.

    Elsewhere in three, by way of ``aside``, an unused name: a file exists at every moment, a folder is missing between
    two of them.

    Raises:
        OSError: ``place`` cannot be replaced; both are unchanged.

    Sources: renameat2(2), RENAME_EXCHANGE; macOS: renamex_np(2), RENAME_SWAP; link(2).
    """
    # For whatever reason it failed, the three steps either work without that system call or raise the cause.
    if not _in_one_step(os.fsencode(new), os.fsencode(place)):
        _in_three_steps(new, place, aside)


def _in_one_step(new: bytes, place: bytes) -> bool:
    try:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return bool(libc.renamex_np(new, place, _RENAME_SWAP) == 0)
        return bool(libc.renameat2(_AT_FDCWD, new, _AT_FDCWD, place, _RENAME_EXCHANGE) == 0)
    except (ImportError, AttributeError, TypeError):  # no ctypes, no such function, or no C library (Windows)
        return False


def _in_three_steps(new: Path, place: Path, aside: Path) -> None:
    if new.is_dir() or not _linked(place, aside):
        place.rename(aside)
    try:
        new.replace(place)
    except OSError:
        aside.replace(place)
        raise
    aside.rename(new)


def _linked(file: Path, also: Path) -> bool:
    """A second name for a file, so that it can be replaced without being lost."""
    try:
        os.link(file, also, follow_symlinks=False)
    except (OSError, NotImplementedError):  # a folder, or a file system without hard links
        return False
    return True
