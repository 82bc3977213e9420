"""Moves a set of finished files into place as one, even if the process dies: the folder is its own redo journal.

::

    out/.ca-deploy-x/outgoing/7-a.json    flushed to disk; named <inode number>-<name>
    out/.ca-deploy-x/committed/7-a.json   renamed as a whole: the commit point
    out/a.json                            moved into place, one by one, by this process or a later one
    out/.ca-deploy-x/delivered/           renamed again: done; it holds what was replaced

An entry is pending while it is the file or folder that was prepared. After an exchange the old one has its name, with
another inode number, so that the steps can be repeated from any point. Names come from listing a folder, so that they
cannot lead out of it; a journal that was copied along with a folder has other inode numbers.
"""

import errno
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from ca_deploy.delivery.exchange import exchange
from ca_deploy.delivery.flush import flush, flush_entries
from ca_deploy.delivery.interrupts import held_back
from ca_deploy.delivery.scratch import COMMITTED, abandoned, remove
from ca_deploy.errors import OutputError


def prepare(root: Path, finished: Sequence[Path]) -> None:
    """Flush the finished files and folders to disk and gather them; nothing is visible from outside yet.

    Source: fsync(2), which requires flushing the folders too.
    """
    outgoing = root / "outgoing"
    outgoing.mkdir()
    for path in finished:
        flush(path)
        path.rename(outgoing / f"{path.lstat().st_ino}-{path.name}")
    flush_entries(outgoing)


def commit(root: Path) -> None:
    """The commit point: before it nothing has happened, after it the set will be moved into place."""
    (root / "outgoing").rename(root / COMMITTED)
    flush_entries(root)
    flush_entries(root.parent)


def roll_forward(root: Path, entries: Iterable[Path]) -> None:
    """Move committed entries into place. Repeated, or continued by another process, it gives the same result.

    Raises:
        OSError: a file, which it names, cannot be replaced; what this call had moved is restored as far as possible.
    """
    place, moved = root.parent, []
    try:
        for entry in entries:
            place = root.parent / _name(entry)
            if place.is_dir() and not entry.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if os.path.lexists(place):
                exchange(entry, place, _aside(entry))
            else:
                entry.rename(place)
            moved.append((entry, place))
        flush_entries(root / COMMITTED)
        flush_entries(root.parent)
        (root / COMMITTED).rename(root / "delivered")
    except OSError as error:
        for entry, taken in reversed(moved):
            with suppress(OSError):
                if os.path.lexists(entry):
                    exchange(entry, taken, _aside(entry))
                else:
                    taken.rename(entry)
        raise OSError(error.errno, error.strerror, str(place)) from error


def finish_abandoned(folder: Path) -> None:
    """Complete the deliveries into ``folder`` whose process died, and remove the scratch folders of dead processes.

    Raises:
        OutputError: a delivery that had been committed cannot be completed.
    """
    for root in abandoned(folder):
        try:
            if (root / COMMITTED).is_dir():
                with held_back():
                    roll_forward(root, waiting(root))
        except OSError as error:
            raise OutputError(
                f"ca-deploy was killed while it replaced files in {folder}, and {error.filename} cannot be replaced "
                f"now ({error.strerror}). Free that name, or remove {root} to discard the new files."
            ) from error
        remove(root)


def withdraw(root: Path) -> None:
    """Undo the commit; only while every entry is pending."""
    (root / COMMITTED).rename(root / "withdrawn")


def committed(root: Path) -> list[Path]:
    """The entries of the journal, whether pending or not."""
    return sorted((root / COMMITTED).iterdir())


def waiting(root: Path) -> list[Path]:
    """The pending entries, which are not in their places yet.

    Hidden names are excluded, because ca-deploy never writes them together with others: a cloned repository that could
    deliver a ``.git`` this way, which git itself refuses, would have its hooks run.
    """
    if (root / COMMITTED).is_symlink():
        return []
    return [
        entry
        for entry in committed(root)
        if entry.name.partition("-")[0] == str(entry.lstat().st_ino)
        and not entry.is_symlink()
        and _name(entry)[:1] not in ("", ".")
    ]


def _name(entry: Path) -> str:
    return entry.name.partition("-")[2]


def _aside(entry: Path) -> Path:
    return entry.parents[1] / f"aside-{entry.name}"
