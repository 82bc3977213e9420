"""A folder to work in, hidden beside the results, that goes with its process or is known as left behind."""

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
MARKER = "ca-deploy.lock"  # its owner holds a lock on it for life
WORK = "work"  # what the owner makes; anything else beside the marker is the transaction's
COMMITTED = "committed"  # see transaction.py: not to be removed, but brought to its end


@contextmanager
def scratch_in(folder: Path) -> Iterator[Path]:
    """A new folder inside ``folder`` that no other process touches while this one lives; removed whatever happens.

    Raises:
        OSError: it cannot be made.
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
                os.close(lock)  # first: Windows removes no file that is open
                if not (root / COMMITTED).exists():
                    remove(root)


def abandoned(folder: Path) -> Iterator[Path]:
    """The scratch folders of dead processes in ``folder``, each one locked for us until the next is asked for.

    Where there are no locks nobody can tell the dead from the living, and there are none.
    """
    for root in sorted(folder.glob(f"{PREFIX}*")):
        if not locks.available() or not _is_ours(root):
            continue
        try:
            lock = os.open(root / MARKER, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            with suppress(OSError):  # if it is empty, its owner died before marking it, or will make itself another
                root.rmdir()
            continue
        try:
            with suppress(OSError):  # its owner lives
                locks.take(lock)
                if (root / MARKER).exists():  # else another process was faster
                    yield root
        finally:
            os.close(lock)


def remove(root: Path) -> None:
    """Remove a scratch folder, as far as the system lets us.

    The marker goes last: what a kill leaves in between is still known as left behind.
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
    """The folder, and the descriptor that holds its lock; made again where another process swept it half-made."""
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
    """A folder as this user makes it, and where nobody else can write: sshd's StrictModes asks the same of its keys.

    What lies in a folder that others can write to (/tmp) could be anybody's.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
