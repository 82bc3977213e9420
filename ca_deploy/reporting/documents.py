"""A JSON file -> which of our records it is, and its content."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from ca_deploy.errors import ArtifactError
from ca_deploy.files import other_kind
from ca_deploy.records.accuracy import AccuracyReport
from ca_deploy.records.attention import AttentionReport
from ca_deploy.records.codec import Unreadable, decode, parse_json
from ca_deploy.records.compat import CompatRecord
from ca_deploy.records.latency import SCHEMA_VERSION, LatencyReport
from ca_deploy.records.manifest import Manifest, manifest_from
from ca_deploy.records.parity import ParityReport
from ca_deploy.records.sweep import SweepRecord
from ca_deploy.reporting.plausible import impossible

_MOST_BYTES = 256 * 2**20
_ROOT = "listed"


class Kind(Enum):
    """What a JSON file is; the value is the keys by which it, or each item of its list, is recognised."""

    MANIFEST = frozenset({"sha256", "recipe", "parity", "file"})
    EXPORTS = frozenset({"manifest", "max_abs_error"})  # `export --json`
    LATENCY = frozenset({"measurements", "protocol", "device"})
    ACCURACY = frozenset({"top1", "confusions", "images"})
    PARITY = frozenset({"subject", "reference", "tolerances"})
    COMPAT = frozenset({"target", "findings", "partitions"})
    ATTENTION = frozenset({"photo", "blocks", "left_alone"})
    SWEEP = frozenset({"cells", "schema_version"})


Content = Manifest | LatencyReport | AccuracyReport | ParityReport | CompatRecord | AttentionReport | SweepRecord


@dataclass(frozen=True, slots=True)
class Document:
    """What one file holds: records of one kind."""

    path: Path
    kind: Kind
    records: tuple[Content, ...]


def read(path: Path) -> Document | None:
    """The records in a file; None where it is JSON of another kind.

    Raises:
        ArtifactError: it is not JSON, or it is one of our records and damaged, of another schema version, or has a
            number that cannot be.
    """
    if kind := other_kind(path):
        raise ArtifactError(f"{path} {kind}.")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ArtifactError(f"{path} is larger than {_MOST_BYTES >> 20} MB, which no record of ca-deploy is.")
        text = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read ({error.strerror}).") from error
    try:
        items = _items(text)
        if not all(map(_is_finite, items)):
            raise ArtifactError(f"{path} has a number that is not finite, which no record of ca-deploy has.")
        found = next((kind for kind in Kind if items and all(kind.value <= item.keys() for item in items)), None)
        records = tuple(_record(found, item, path) for item in items) if found else ()
        if wrong := next(filter(None, map(impossible, records)), ""):
            raise ArtifactError(f"{path} is damaged: its {wrong}, which cannot be.")
        return Document(path, found, records) if found else None
    except Unreadable as error:
        raise ArtifactError(*error.about(str(path))) from error
    except RecursionError as error:
        raise ArtifactError(f"{path} is nested too deeply to be a record of ca-deploy.") from error


def _items(text: bytes) -> Sequence[Mapping[str, Any]]:
    """The objects of a document: those of its list, or the only one; () where it holds something else."""
    if not text.lstrip().startswith(b"["):
        return [parse_json(text)]
    listed = parse_json(b'{"%s": %s}' % (_ROOT.encode(), text))[_ROOT]
    return listed if all(isinstance(item, dict) for item in listed) else ()


def _is_finite(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _record(kind: Kind, item: Mapping[str, Any], path: Path) -> Content:
    match kind:
        case Kind.MANIFEST:
            return manifest_from(dict(item), path)
        case Kind.EXPORTS:
            inner = item["manifest"]
            return manifest_from(inner if isinstance(inner, dict) else {}, path)
        case Kind.LATENCY:
            if item.get("schema_version") != SCHEMA_VERSION:
                raise ArtifactError(
                    f"Latency report {path} has schema version {item.get('schema_version')!r:.80}; this ca-deploy "
                    f"reads {SCHEMA_VERSION}. Measure again."
                )
            return decode(LatencyReport, item)
        case Kind.ACCURACY:
            return decode(AccuracyReport, item)
        case Kind.PARITY:
            return decode(ParityReport, item)
        case Kind.COMPAT:
            return decode(CompatRecord, item)
        case Kind.ATTENTION:
            return decode(AttentionReport, item)
        case Kind.SWEEP:
            return decode(SweepRecord, item)
