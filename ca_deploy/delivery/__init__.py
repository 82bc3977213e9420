"""Files that appear whole or not at all: made in a hidden folder beside their place, moved in at the end."""

import errno
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ca_deploy.errors import OutputError

# Converters write a float file, a quantised one and scratch copies: refuse early rather than fail late.
_FREE_BYTES = 256 * 2**20


@contextmanager
def staging(output: Path) -> Iterator[Path]:
    """A scratch folder inside ``output`` (made if missing), removed whatever happens.

    Raises:
        OutputError: ``output`` is a file, cannot be written, or the disk is full.
    """
    scratch: Path | None = None
    try:
        try:
            output.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise OutputError(f"Output {output} is not a folder. Choose a folder with --output.") from error
        free = shutil.disk_usage(output).free
        if free < _FREE_BYTES:
            raise OutputError(
                f"Output folder {output} has {free / 2**20:.0f} MB free; exporting needs {_FREE_BYTES / 2**20:.0f} MB. "
                "Free some space, or choose another folder with --output."
            )
        scratch = Path(tempfile.mkdtemp(prefix=".ca-deploy-", dir=output))
        yield scratch
    except OSError as error:
        explained = refusal(error, output)
        if explained is None:
            raise
        raise explained from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def refusal(error: OSError, output: Path) -> OutputError | None:
    """What it means that the system would not write below ``output``; None where the error is of another kind."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"Output folder {output} is not writable. Choose another with --output.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OutputError(f"The disk is full while writing to {output}; nothing was left there. Free some space.")
    return None


def deliver(files: Mapping[Path, Path]) -> None:
    """Move finished files and folders from the scratch folder to their places, each in one step.

    Raises:
        OutputError: a folder stands where a file is to go.
    """
    for finished, place in files.items():
        if place.is_dir() and not finished.is_dir():
            raise OutputError(f"{place} is a folder; a file is to be written there. Remove it, or choose another name.")
        # A file replaces a file in one step; what stands in the way of a folder has to step aside before.
        aside = finished.with_name(f".replaced-{place.name}")
        moved = finished.is_dir() and place.exists()
        if moved:
            place.replace(aside)
        try:
            finished.replace(place)
        except OSError:
            if moved:
                aside.replace(place)
            raise


def zip_folder(folder: Path, place: Path) -> None:
    """Pack a folder, its own name included; the same content gives the same bytes."""
    with zipfile.ZipFile(place, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder.parent).as_posix())  # dated 1980
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a single file whole or not at all.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    with staging(path.parent) as scratch:
        finished = scratch / path.name
        finished.write_bytes(content.encode() if isinstance(content, str) else content)
        deliver({finished: path})
