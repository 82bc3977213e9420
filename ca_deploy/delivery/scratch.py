"""Scratch folders, hidden beside the results or among temporary files: removed with their process, or recognisable as
abandoned, and then removed by another.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ca_deploy.delivery import locks
from ca_deploy.delivery.interrupts import held_back

PREFIX = ".ca-deploy-"
MARKER = "ca-deploy.lock"  # its owner holds a lock on it while it lives
WORK = "work"  # what the owner makes; anything else beside the marker is the transaction's
COMMITTED = "committed"  # see transaction.py: to be completed, not removed


@contextmanager
def temporary(place: str | None = None) -> Iterator[Path]:
    """A new folder for temporary files, removed in any case: after kill -9 by the next command.

    ``place`` is the folder that it lies in, by default the system's.

    Raises:
        OSError: it cannot be created.
    """
    place = place or tempfile.gettempdir()
    remove_abandoned(place)
    with scratch_in(Path(place)) as folder:
        yield folder


def remove_abandoned(place: str | None = None) -> None:
    """Remove the folders of :func:`temporary` whose processes are dead."""
    with suppress(OSError):
        for root in abandoned(Path(place or tempfile.gettempdir())):
            if not (root / COMMITTED).exists():  # somebody delivers results there
                remove(root)


@contextmanager
def scratch_in(folder: Path) -> Iterator[Path]:
    """A new folder inside ``folder`` that no other process touches while this one lives; removed in any case.

    Raises:
        OSError: it cannot be created.
    """
    made: tuple[Path, int] | None = None
    try:
        with held_back():
            made = _make(folder)
        yield made[0] / WORK
    finally:
        if made is not None:
            root, lock = made
            with held_back():
                os.close(lock)  # first: Windows cannot remove an open file
                if not (root / COMMITTED).exists():
                    remove(root)


def abandoned(folder: Path) -> Iterator[Path]:
    """The scratch folders of dead processes in ``folder``, each one locked by this process until the next is requested.

    To be called alone in the folder (:func:`.locks.alone_in`): then the owner of a committed transaction is dead, or
    about to end, and its lock is waited for. A dying process releases its locks one by one, the folder's perhaps first.
    None without locks, which alone distinguish dead processes from live ones.
    """
    for root in sorted(folder.glob(f"{PREFIX}*")):
        if not locks.available() or not _is_ours(root):
            continue
        try:
            lock = os.open(root / MARKER, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            with suppress(OSError):  # if it is empty, its owner died before marking it, or will create another
                root.rmdir()
            continue
        try:
            with suppress(OSError):  # its owner lives
                locks.take(lock, wait=(root / COMMITTED).exists())
                if (root / MARKER).exists():  # otherwise another process was faster
                    yield root
        finally:
            os.close(lock)


def remove(root: Path) -> None:
    """Remove a scratch folder, as far as the system permits.

    The marker goes last, so that what a kill leaves in between is still recognised as abandoned.
    """
    with suppress(OSError):
        for path in root.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != MARKER:
                path.unlink(missing_ok=True)
        if [path.name for path in root.iterdir()] == [MARKER]:
            (root / MARKER).unlink(missing_ok=True)
        root.rmdir()


def _make(folder: Path) -> tuple[Path, int]:
    """The folder, and the descriptor that holds its lock; created again if another process removed it unmarked."""
    while True:
        root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
        try:
            lock = os.open(root / MARKER, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except FileNotFoundError:
            continue
        except OSError:
            root.rmdir()
            raise
        if locks.hold(lock) and (root / MARKER).exists():
            (root / WORK).mkdir()
            return root, lock
        os.close(lock)


def _is_ours(path: Path) -> bool:
    """Whether a folder is this user's and nobody else can write to it, as sshd's StrictModes demands of keys.

    In a folder that others can write to (/tmp), it could be anybody's.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
