"""A set of finished files takes its places as one, whenever the process dies: a folder that is its own redo journal.

::

    out/.ca-deploy-x/outgoing/7-a.json    flushed to disk; named <inode number>-<name>
    out/.ca-deploy-x/committed/7-a.json   renamed as a whole: the commit point
    out/a.json                            moved into place, one after another, by whoever comes next
    out/.ca-deploy-x/delivered/           renamed back: done; it holds what was replaced

An entry waits as long as it is the very file or folder that was prepared. After an exchange the old one lies under its
name, with another inode number: so the steps can be taken again from any point. Names come from listing a folder, so
that they cannot lead out of it; a journal that came with somebody else's folder has other inode numbers.
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
    """Flush the finished files and folders to disk and gather them; nothing can be seen from outside yet.

    Source: fsync(2), which asks for the folders' own flushing too.
    """
    outgoing = root / "outgoing"
    outgoing.mkdir()
    for path in finished:
        flush(path)
        path.rename(outgoing / f"{path.lstat().st_ino}-{path.name}")
    flush_entries(outgoing)


def commit(root: Path) -> None:
    """The commit point: before it nothing has happened, from it on the set will take its places."""
    (root / "outgoing").rename(root / COMMITTED)
    flush_entries(root)
    flush_entries(root.parent)


def roll_forward(root: Path, entries: Iterable[Path]) -> None:
    """Move committed entries into place. Done again, or gone on with by another process, it comes to the same end.

    Raises:
        OSError: a place, which it names, cannot be taken; what this call had moved is put back, as far as possible.
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
    """Bring to their end the deliveries into ``folder`` whose process died, and remove the scratch folders of the dead.

    Raises:
        OutputError: a delivery that had been committed cannot be brought to its end.
    """
    for root in abandoned(folder):
        try:
            if (root / COMMITTED).is_dir():
                with held_back():
                    roll_forward(root, waiting(root))
        except OSError as error:
            raise OutputError(
                f"ca-deploy was killed while it replaced files in {folder}, and {error.filename} cannot be replaced "
                f"now ({error.strerror}). Free that name, or give the new files up by removing {root}."
            ) from error
        remove(root)


def withdraw(root: Path) -> None:
    """Undo the commit; only where everything still waits."""
    (root / COMMITTED).rename(root / "withdrawn")


def committed(root: Path) -> list[Path]:
    """The entries of the journal, whether they still wait or not."""
    return sorted((root / COMMITTED).iterdir())


def waiting(root: Path) -> list[Path]:
    """The entries that are not in their places yet.

    Hidden names are nothing that ca-deploy writes together with others: a cloned repository that could bring a
    ``.git`` along, which git itself refuses, would have its hooks run.
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
