"""A report as a file, and as a picture."""

import json
from pathlib import Path

import pytest

from ca_deploy.errors import ArtifactError
from ca_deploy.latency import session
from ca_deploy.latency.plot import plot
from ca_deploy.records.codec import to_json
from ca_deploy.records.latency import LatencyReport, read_report


def test_a_report_comes_back_from_its_file(measured: tuple[LatencyReport, Path], tmp_path: Path) -> None:
    report, output = measured
    path = output / session.REPORT_FILE
    assert to_json(read_report(path)) == to_json(report) == path.read_text()
    assert plot(read_report(path)) == plot(report)
    newer = {**json.loads(path.read_text()), "schema_version": 2}
    for name, content in {"newer": json.dumps(newer), "cut": path.read_text()[:500], "list": "[]"}.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(ArtifactError, match=name):
            read_report(tmp_path / name)
