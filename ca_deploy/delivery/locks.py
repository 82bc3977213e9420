"""Locks that show which processes are alive: the system releases them however a process dies (flock(2))."""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ca_deploy.delivery.interrupts import held_back

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def available() -> bool:
    """Whether this system has such locks; a file system may still lack them."""
    return fcntl is not None


def take(descriptor: int, wait: bool = False) -> None:
    """Lock an open file until it is closed.

    Raises:
        BlockingIOError: another process (or another descriptor of this one) holds the lock, and ``wait`` is False.
        OSError: this system or file system has no such locks.
    """
    _lock(descriptor, wait)


def hold(descriptor: int) -> bool:
    """Lock an open file of this process, where that is possible; False: another process holds the lock."""
    try:
        take(descriptor)
    except BlockingIOError:
        return False
    except OSError:  # no locks here: then others cannot lock it either
        return True
    return True


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let one process at a time change results in a folder; the others wait for milliseconds.

    Locks a file of its own, because NFS cannot lock folders, and flock(1) may hold this one around the process. Where
    that file cannot be created or locked nobody waits: two simultaneous deliveries of the same names may mix there.
    """
    place = folder / ".ca-deploy-lock"
    with ExitStack() as opened:
        with suppress(OSError):
            while available():
                with held_back():
                    lock = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
                    opened.callback(_give_back, place, lock)
                _lock(lock, wait=True)
                if _is_at(place, lock):  # otherwise the process that had it removed it
                    break
        yield


def _give_back(place: Path, lock: int) -> None:
    """Remove the file while this process holds it, which it does not if the waiting was interrupted."""
    with held_back():
        if hold(lock) and _is_at(place, lock):
            place.unlink()
        os.close(lock)


def _lock(descriptor: int, wait: bool) -> None:
    if fcntl is None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
    fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def _is_at(place: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), place.stat())
    except FileNotFoundError:
        return False
