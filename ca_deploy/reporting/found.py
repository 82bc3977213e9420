"""What a folder holds: exported files, with all that was found out about each."""

from dataclasses import dataclass, field
from pathlib import Path

from ca_deploy.records.accuracy import AccuracyReport
from ca_deploy.records.attention import AttentionReport
from ca_deploy.records.compat import CompatRecord
from ca_deploy.records.latency import LatencyReport, Measurement
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.parity import ParityReport
from ca_deploy.records.sweep import Cell


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement of a file, and the report that it stands in."""

    report: LatencyReport
    measurement: Measurement


@dataclass(frozen=True, slots=True)
class Shipped:
    """One exported file. ``label`` is the shortest end of its path that no other has; ``present``: it is there itself.

    The first of ``parities`` is the manifest's.
    """

    label: str
    place: Path
    present: bool
    manifest: Manifest
    parities: tuple[ParityReport, ...]
    accuracies: tuple[AccuracyReport, ...] = ()
    compat: tuple[CompatRecord, ...] = ()
    measured: tuple[Measured, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """``problems`` has the reason for each file that is damaged or foreign, by its path; ``passed_over`` are JSON files
    that are no records of ours, and ``unmatched`` records of files that are not here. ``pictures`` are those that
    ``attention`` drew, ``cells`` those of sweeps that have no result, and ``sweeps`` their commands."""

    folders: tuple[Path, ...]
    files: tuple[Shipped, ...]
    reports: tuple[LatencyReport, ...] = ()
    references: tuple[AccuracyReport, ...] = ()
    attention: tuple[AttentionReport, ...] = ()
    pictures: tuple[Path, ...] = ()
    cells: tuple[Cell, ...] = ()
    sweeps: tuple[tuple[str, ...], ...] = ()
    problems: dict[str, str] = field(default_factory=dict)
    passed_over: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
