"""Atomic delivery of results: they are made in a hidden folder beside their destination and moved in as one set.

At any moment, Ctrl-C and kill -9 included, each name refers to the old file or to the new one. Signals are deferred
until the whole set is in place; what a kill or a power cut leaves half moved is completed by the next command that
reads or writes there (:mod:`ca_deploy.delivery.transaction`).
"""

import errno
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ca_deploy.delivery import transaction
from ca_deploy.delivery.interrupts import held_back
from ca_deploy.delivery.locks import alone_in
from ca_deploy.delivery.scratch import PREFIX, scratch_in
from ca_deploy.errors import OutputError
from ca_deploy.files import other_kind

# Converters write a float file, a quantised one and scratch copies: refuse early rather than fail late.
EXPORT_BYTES = 256 * 2**20


@contextmanager
def staging(output: Path, needed_bytes: int = 0) -> Iterator[Path]:
    """A scratch folder inside ``output`` (created if missing), removed in any case.

    Raises:
        OutputError: ``output`` is a file, cannot be written, or has less than ``needed_bytes`` free; the disk is full.
    """
    try:
        try:
            output.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise OutputError(f"Output {output} is not a folder. Choose a folder with --output.") from error
        _settle(output)
        free = shutil.disk_usage(output).free
        if free < needed_bytes:
            raise OutputError(
                f"Output folder {output} has {free / 2**20:.0f} MB free; exporting needs "
                f"{needed_bytes / 2**20:.0f} MB. Free some space, or choose another folder with --output."
            )
        with scratch_in(output) as scratch:
            yield scratch
    except OSError as error:
        explained = refusal(error, output)
        if explained is None:
            raise
        raise explained from error


def settle(folder: Path) -> None:
    """Before results are read: complete what a killed process had begun to deliver into ``folder``, and clean up.

    A folder that cannot be written is left as it is.
    """
    with suppress(OSError, OutputError):
        _settle(folder)


def _settle(folder: Path) -> None:
    if any(folder.glob(f"{PREFIX}*")):
        with alone_in(folder):
            transaction.finish_abandoned(folder)


def refusal(error: OSError, output: Path) -> OutputError | None:
    """The error for a system that refuses to write below ``output``; None for errors of other kinds."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"Output folder {output} is not writable. Choose another with --output.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OutputError(f"The disk is full while writing to {output}; nothing was left there. Free some space.")
    return None


def deliver(scratch: Path, finished: Sequence[Path]) -> None:
    """Move a set of finished files and folders from ``scratch`` into the folder that :func:`staging` was called for.

    Each keeps its name. To be called once per :func:`staging`, because all of them arrive or none. For some
    milliseconds other processes see new files beside old ones, each of them complete.

    Raises:
        OutputError: a folder or a device is in the place of a file, a name is hidden, or something cannot be replaced.
    """
    root = scratch.parent
    output = root.parent
    for path in finished:
        place = output / path.name
        if place.is_dir() and not path.is_dir():
            raise OutputError(f"{place} is a folder, and a file has to go there. Remove it, or choose another name.")
        if place.exists() and not place.is_dir() and (kind := other_kind(place)):
            raise OutputError(f"{place} {kind}, and would be replaced by one. Choose another name.")
        if path.name.startswith(".") and (len(finished) > 1 or path.is_dir()):
            raise OutputError(f"{place} would be hidden, because its name begins with a dot. Choose another name.")
    transaction.prepare(root, finished)
    with alone_in(output):
        transaction.finish_abandoned(output)
        with held_back():
            transaction.commit(root)
            try:
                transaction.roll_forward(root, transaction.committed(root))
            except OSError as error:
                raise _not_delivered(error, root, len(finished)) from error


def _not_delivered(error: OSError, root: Path, count: int) -> OutputError:
    said = f"{error.filename} cannot be replaced ({error.strerror})"
    if len(transaction.waiting(root)) < count:
        return OutputError(
            f"{said}, and those before it could not be restored: {root.parent} holds old and new files. "
            "Free that name: the next ca-deploy command that reads or writes there moves the rest."
        )
    transaction.withdraw(root)
    return OutputError(
        f"{said}: nothing in {root.parent} was changed. Free that name, or choose another with --output."
    )


def zip_folder(folder: Path, place: Path) -> None:
    """Zip a folder with its own name; the same content gives the same bytes."""
    with zipfile.ZipFile(place, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder.parent).as_posix())  # dated 1980
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a single file atomically.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    write_together(path.parent, {path.name: content})


def write_together(folder: Path, contents: Mapping[str, str | bytes]) -> None:
    """Write several files into a folder, all of them or none.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    with staging(folder) as scratch:
        for name, content in contents.items():
            (scratch / name).write_bytes(content.encode() if isinstance(content, str) else content)
        deliver(scratch, [scratch / name for name in contents])
