"""The results in a folder, and ``sweep.json``, which lists them: each appears there together with its files."""

import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from ca_deploy.delivery import deliver, locks, settle, staging, write_atomically
from ca_deploy.errors import ArtifactError, UsageError
from ca_deploy.files import other_kind, sha256_of
from ca_deploy.records.codec import Unreadable, decode, parse_json, to_json
from ca_deploy.records.sweep import RECORD_FILE, SCHEMA_VERSION, Cell, SweepRecord
from ca_deploy.sweeps.jobs import Contents, write

_LOCK = ".ca-deploy-sweep-lock"
Place = tuple[str, str, str]


class Results:
    """What is in the folder; to be used inside :func:`alone_with`. ``command_line`` is the command that changes it.

    Raises:
        ArtifactError: its ``sweep.json`` is damaged.
    """

    def __init__(self, folder: Path, command_line: tuple[str, ...] = ()) -> None:
        self.folder, self._command_line = folder, command_line
        self.cells: dict[Place, Cell] = {cell.place: cell for cell in _recorded(folder)}
        self._planned: dict[Place, Cell] = {}

    def plan(self, cells: Mapping[Place, Cell]) -> None:
        """List what is going to be made beside what is there, so that the record of a sweep that is killed shows it.

        Raises:
            OutputError: the folder cannot be written, or the disk is full.
        """
        self._planned = dict(cells)
        if cells.keys() - self.cells.keys():
            self.cells = {**cells, **self.cells}
            write_atomically(self.folder / RECORD_FILE, self._json(self.cells))

    def plan_anew(self, places: Collection[Place]) -> None:
        """List these as not made, whatever is there of other inputs; its files stay until they are replaced.

        Raises:
            OutputError: the folder cannot be written, or the disk is full.
        """
        before = self.cells
        anew = {place: replace(self._planned[place], files=before[place].files) for place in places}
        if any(before[place] != cell for place, cell in anew.items()):
            self.cells = {**before, **anew}
            write_atomically(self.folder / RECORD_FILE, self._json(self.cells))

    def finished(self, place: Place, key: str) -> Cell | None:
        """The result of the same inputs, if its files are still what they were."""
        cell = self.cells.get(place)
        if cell is None or cell.key != key or not cell.is_finished:
            return None
        paths = {self.folder / name: digest for name, digest in cell.files.items()}
        whole = all(
            (path.is_dir() or not other_kind(path)) and sha256_of(path) == digest for path, digest in paths.items()
        )
        return cell if whole else None

    def keep(self, cell: Cell, contents: Contents, log: Contents | None = None) -> Cell:
        """Write a result with its files, all or nothing, and forget what it replaces.

        A file that is replaced takes its measurements along, which were of the old one; they are planned again.

        Raises:
            OutputError: the folder cannot be written, or the disk is full.
        """
        with staging(self.folder) as scratch:
            write(scratch, {**contents, **(log or {})})
            tops = dict.fromkeys(name.partition("/")[0] for name in contents)
            done = replace(cell, files={name: sha256_of(scratch / name) for name in tops})
            others = (
                self._planned.get(place) if _depends(one, cell) or one.files.keys() & tops.keys() else one
                for place, one in self.cells.items()
            )
            cells = {one.place: one for one in others if one is not None} | {cell.place: done}
            (scratch / RECORD_FILE).write_text(self._json(cells), encoding="utf-8")
            deliver(
                scratch, [*(scratch / name for name in dict.fromkeys([*tops, *(log or {})])), scratch / RECORD_FILE]
            )
        replaced = {name for kept in self.cells.values() for name in kept.files}
        self.cells = cells
        for name in replaced - {name for kept in cells.values() for name in kept.files} - set(log or {}):
            _remove(self.folder / name)
        return done

    def save(self, first: list[Place]) -> SweepRecord:
        """Write the record, with these cells first.

        Raises:
            OutputError: the folder cannot be written, or the disk is full.
        """
        self.cells = {**{place: self.cells[place] for place in first}, **self.cells}
        write_atomically(self.folder / RECORD_FILE, self._json(self.cells))
        return self.record(first)

    def record(self, places: list[Place]) -> SweepRecord:
        """The record of some of the results."""
        return self._record({place: self.cells[place] for place in places})

    def _record(self, cells: Mapping[Place, Cell]) -> SweepRecord:
        return SweepRecord(SCHEMA_VERSION, version("ca-deploy"), tuple(cells.values()), self._command_line)

    def _json(self, cells: Mapping[Place, Cell]) -> str:
        return to_json(self._record(cells))


@contextmanager
def alone_with(folder: Path) -> Iterator[None]:
    """Let one sweep at a time write into a folder.

    Raises:
        UsageError: another one does.
        OutputError: the folder cannot be made.
    """
    with staging(folder):
        pass
    place = folder / _LOCK
    lock = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        if not locks.hold(lock) or not (place.exists() and os.path.samestat(os.fstat(lock), place.stat())):
            raise UsageError(f"Another sweep is writing into {folder}. Wait for it, or choose another folder.")
        try:
            yield
        finally:
            place.unlink(missing_ok=True)
    finally:
        os.close(lock)


def _recorded(folder: Path) -> tuple[Cell, ...]:
    settle(folder)
    path = folder / RECORD_FILE
    try:
        content = parse_json(path.read_bytes())
        if content.get("schema_version") != SCHEMA_VERSION:
            raise ArtifactError(
                f"{path} has schema version {content.get('schema_version')!r:.80}; this ca-deploy reads "
                f"{SCHEMA_VERSION}. Choose another folder."
            )
        return decode(SweepRecord, content).cells
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read ({error.strerror}).") from error
    except Unreadable as error:
        raise ArtifactError(*error.about(str(path)), "Choose another folder, or remove the file.") from error


def _depends(kept: Cell, cell: Cell) -> bool:
    """Whether a result is of a file that another one replaces."""
    return cell.what == "export" and kept.file == cell.file


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
