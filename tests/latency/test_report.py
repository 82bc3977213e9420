"""A report as a file, and as a picture."""

import json
import resource
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from ca_deploy.errors import ArtifactError, ReportNotSaved
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


def test_other_files_are_named_as_what_they_are(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"schema_version": 6, "recipe": {}, "parity": {}, "sha256": ""}))
    with pytest.raises(ArtifactError, match=r"is not a latency report, but the manifest of an exported file\. Pass"):
        read_report(manifest)
    manifest.write_text("{}")
    with pytest.raises(ArtifactError, match=r"is not a latency report. Pass what"):
        read_report(manifest)


def test_of_a_damaged_report_a_few_faults_are_listed_and_counted(
    measured: tuple[LatencyReport, Path], tmp_path: Path
) -> None:
    content = json.loads((measured[1] / session.REPORT_FILE).read_text())
    content["measurements"][0]["starts"][0]["invoke_ns"] = ["x"] * 300
    (tmp_path / "damaged").write_text(json.dumps(content))
    with pytest.raises(ArtifactError) as raised:
        read_report(tmp_path / "damaged")
    lines = str(raised.value).splitlines()
    assert len(lines) == 8
    assert lines[6] == "  and 295 more"


def test_names_in_the_plot_are_literal_and_the_picture_well_formed(measured: tuple[LatencyReport, Path]) -> None:
    report, _ = measured
    odd = replace(report.measurements[0], label="a $\\frac{$ [red] <b> \x1b[2J\x07&", file="a $\\frac{$.onnx")
    drawn = plot(replace(report, measurements=(odd,), device=replace(report.device, model="$x^$\x00", name="</svg>")))
    texts = " ".join(ET.fromstring(drawn["svg"]).itertext())
    assert "$\\frac{$" in texts and "\x1b" not in texts and "</svg>" in texts


def test_the_plot_of_very_many_samples_stays_small(measured: tuple[LatencyReport, Path]) -> None:
    """Half an hour of a small network has a million."""
    report, _ = measured
    one = report.measurements[0]
    starts = tuple(replace(start, invoke_ns=start.invoke_ns * (50_000 // len(start.invoke_ns))) for start in one.starts)
    drawn = plot(replace(report, measurements=(replace(one, starts=starts),)))
    assert len(drawn["svg"]) < 1_000_000
    ET.fromstring(drawn["svg"])


def test_a_disk_that_is_nearly_full(measured: tuple[LatencyReport, Path], tmp_path: Path) -> None:
    """A limit on the size of files is as good as a full disk: what fits is there whole, and the report is not lost."""
    report, output = measured
    sizes = sorted(path.stat().st_size for path in output.iterdir() if path.name.startswith("latency."))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (sizes[1] + 1, hard))
    try:
        with pytest.raises(ReportNotSaved, match="Saved were") as error:
            session.deliver_report(report, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.report is report
    assert sorted(path.stat().st_size for path in tmp_path.iterdir()) == sizes[:2]
