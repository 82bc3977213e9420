"""The JSON schemas of manifests and reports."""

from typing import Any

from ca_deploy.records.accuracy import AccuracyReport
from ca_deploy.records.codec import schema
from ca_deploy.records.compat import CompatRecord
from ca_deploy.records.latency import LatencyReport
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.sweep import SweepRecord, SweepSpec

_KINDS: dict[str, Any] = {
    "manifest": Manifest,
    "latency": LatencyReport,
    "compat": tuple[CompatRecord, ...],
    "accuracy": AccuracyReport,
    "sweep": SweepSpec,
    "sweep_record": SweepRecord,
}


def report_schemas() -> dict[str, dict[str, Any]]:
    """The schemas by name: the manifest, a sweep's TOML, and what ``profile``, ``check``, ``evaluate`` and ``sweep``
    print with ``--json``."""
    return {name: schema(kind) for name, kind in _KINDS.items()}
