"""To which file a record belongs: by sha256 where the record has it, otherwise by the file's name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ca_deploy.records.accuracy import AccuracyReport
from ca_deploy.records.attention import AttentionReport
from ca_deploy.records.compat import CompatRecord
from ca_deploy.records.latency import LatencyReport
from ca_deploy.records.parity import ParityReport, Status
from ca_deploy.records.sweep import Cell, SweepRecord
from ca_deploy.reporting.documents import Document
from ca_deploy.reporting.found import Collection, Measured, Shipped

_REFERENCE = "PyTorch "  # of a network itself, as `evaluate MODEL` names it


@dataclass(slots=True)
class _Records:
    """What belongs to one file; of several reports on one target, ``compat`` has the last, ``check``'s own."""

    parities: list[ParityReport]
    compat: dict[str, CompatRecord]
    accuracies: list[AccuracyReport] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)


def matched(found: Collection, documents: Iterable[Document]) -> Collection:
    """Every record with its file. One of a file that is not here is named in ``unmatched``."""
    files = found.files
    gathered = [_Records([*file.parities], {one.target: one for one in file.compat}) for file in files]
    reports: list[LatencyReport] = []
    references: list[AccuracyReport] = []
    attention: list[AttentionReport] = []
    cells: list[Cell] = []
    sweeps: list[tuple[str, ...]] = []
    unmatched: list[str] = []
    for document in documents:
        for record in document.records:
            match record:
                case LatencyReport() if record not in reports:
                    reports.append(record)
                    for one in record.measurements:
                        owners = [n for n, file in enumerate(files) if file.manifest.sha256 == one.sha256]
                        for number in owners:  # copies of one file in two folders
                            gathered[number].measured.append(Measured(record, one))
                        if not owners:
                            unmatched.append(f"{document.path}: latency of {one.label}")
                case AccuracyReport() if record.model.startswith(_REFERENCE):
                    references.append(record)
                case AttentionReport():
                    attention.append(record)
                case SweepRecord():
                    sweeps.append(record.command_line)
                    cells += [cell for cell in record.cells if cell.status is not Status.PASS and not cell.is_finished]
                case AccuracyReport() | ParityReport() | CompatRecord():
                    name, what = _about(record)
                    owner = _by_name(files, name, document.path)
                    if owner is None:
                        unmatched.append(f"{document.path}: {what} of {name}")
                    else:
                        _give(gathered[owner], record)
    return replace(
        found,
        files=tuple(map(_with, files, gathered)),
        reports=tuple(reports),
        references=tuple(references),
        attention=tuple(attention),
        cells=tuple(cells),
        sweeps=tuple(sweeps),
        unmatched=tuple(dict.fromkeys(unmatched)),
    )


def _about(record: AccuracyReport | ParityReport | CompatRecord) -> tuple[str, str]:
    """The name of the file that a record is on, and what the record is."""
    match record:
        case AccuracyReport():
            return record.model, "accuracy"
        case ParityReport():
            return record.subject, "parity"
        case CompatRecord():
            return record.file, f"the check for {record.target}"


def _give(to: _Records, record: AccuracyReport | ParityReport | CompatRecord) -> None:
    match record:
        case AccuracyReport() if record not in to.accuracies:
            to.accuracies.append(record)
        case ParityReport() if record not in to.parities:
            to.parities.append(record)
        case CompatRecord():
            to.compat[record.target] = record


def _with(file: Shipped, records: _Records) -> Shipped:
    return replace(
        file,
        parities=tuple(records.parities),
        accuracies=tuple(records.accuracies),
        compat=tuple(records.compat.values()),
        measured=tuple(records.measured),
    )


def _by_name(files: Sequence[Shipped], name: str, path: Path) -> int | None:
    """The file of that name: the one in the record's folder, or else the only one anywhere."""
    named = [number for number, file in enumerate(files) if file.place.name == name]
    beside = [number for number in named if files[number].place.parent.resolve() == path.parent.resolve()]
    for numbers in (beside, named):
        if len(numbers) == 1:
            return numbers[0]
    return None
