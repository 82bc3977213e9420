"""The results in a folder: each appears whole with its files, and replaces what it was made from."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from ca_deploy import delivery
from ca_deploy.errors import ArtifactError, OutputError, UsageError
from ca_deploy.records.parity import Status
from ca_deploy.records.sweep import Cell
from ca_deploy.sweeps.results import Results, alone_with

EXPORT = Cell("net.onnx", "export", Status.PASS, key="1", inputs={"weights": "1"})
LATENCY = Cell("net.onnx", "latency", Status.PASS, on="adb", key="2")


def kept(folder: Path) -> Results:
    results = Results(folder)
    results.keep(EXPORT, {"net.onnx": b"one", "net.json": b"{}"}, {"net.log": b"said"})
    results.keep(LATENCY, {"net.onnx.adb.latency.json": b"{}"})
    return results


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    kept(tmp_path)
    again = Results(tmp_path)
    assert again.finished(EXPORT.place, "1") == again.cells[EXPORT.place]
    assert again.finished(LATENCY.place, "2")
    assert not again.finished(EXPORT.place, "other inputs")
    (tmp_path / "net.onnx").write_bytes(b"changed")
    assert not again.finished(EXPORT.place, "1")
    assert again.finished(LATENCY.place, "2")


def test_a_new_file_takes_the_measurements_of_the_old_one_along(tmp_path: Path) -> None:
    results = kept(tmp_path)
    results.keep(EXPORT, {"net.onnx": b"two", "net.json": b"{}"})
    assert names(tmp_path) == ["net.json", "net.log", "net.onnx", "sweep.json"]
    assert [cell.what for cell in Results(tmp_path).cells.values()] == ["export"]


def test_a_failure_leaves_no_file_of_before_but_its_log(tmp_path: Path) -> None:
    results = kept(tmp_path)
    failed = Cell("net.onnx", "export", Status.FAIL, reason="it does not")
    results.keep(failed, {}, {"net.log": b"why"})
    assert names(tmp_path) == ["net.log", "sweep.json"]
    assert Results(tmp_path).cells[EXPORT.place].reason == "it does not"


def test_a_folder_is_one_file(tmp_path: Path) -> None:
    results = Results(tmp_path)
    cell = results.keep(EXPORT, {"net.mlpackage/Data/a": b"1", "net.mlpackage/b": b"2"})
    assert list(cell.files) == ["net.mlpackage"]
    assert results.finished(EXPORT.place, "1")
    (tmp_path / "net.mlpackage" / "b").write_bytes(b"3")
    assert not results.finished(EXPORT.place, "1")


def test_what_is_planned_is_listed_until_it_is_made(tmp_path: Path) -> None:
    """A measurement of a file that is replaced is planned again; that of another file stays."""
    kept(tmp_path)
    results = Results(tmp_path)
    not_made = [Cell(file, "latency", Status.SKIPPED, on="adb", reason="-") for file in ("net.onnx", "other.onnx")]
    planned = [Cell("other.onnx", "export", Status.SKIPPED, reason="-"), EXPORT, *not_made]
    results.plan({cell.place: cell for cell in planned})
    found = Results(tmp_path).cells
    assert [(cell.file, cell.what, cell.status) for cell in found.values()] == [
        ("other.onnx", "export", Status.SKIPPED),
        ("net.onnx", "export", Status.PASS),
        ("net.onnx", "latency", Status.PASS),
        ("other.onnx", "latency", Status.SKIPPED),
    ]
    assert Results(tmp_path).finished(LATENCY.place, "2")
    results.keep(EXPORT, {"net.onnx": b"two", "net.json": b"{}"})
    assert Results(tmp_path).cells[LATENCY.place] == not_made[0]
    assert not Results(tmp_path).finished(LATENCY.place, "")


def test_what_is_made_anew_is_listed_as_not_made(tmp_path: Path) -> None:
    """Its figures were those of other inputs. Its files stay until new ones replace them, and are no result."""
    kept(tmp_path)
    results = Results(tmp_path)
    not_made = Cell("net.onnx", "latency", Status.SKIPPED, on="adb", reason="-")
    results.plan({EXPORT.place: EXPORT, not_made.place: not_made})
    assert Results(tmp_path).cells[LATENCY.place].key == "2"
    results.plan_anew([not_made.place])
    again = Results(tmp_path)
    found = again.cells[not_made.place]
    assert (found.status, found.key, found.figures) == (Status.SKIPPED, "", {})
    assert not again.finished(not_made.place, "2")
    assert again.finished(EXPORT.place, "1")
    again.keep(LATENCY, {"net.onnx.other.json": b"{}"})
    assert "net.onnx.adb.latency.json" not in names(tmp_path)


def test_no_file_is_of_two_results(tmp_path: Path) -> None:
    """Two names may be one as the name of a file."""
    results = kept(tmp_path)
    other = replace(LATENCY, on="ADB", key="3")
    results.keep(other, {"net.onnx.adb.latency.json": b"[]"})
    assert [cell.on for cell in Results(tmp_path).cells.values()] == ["", "ADB"]
    assert (tmp_path / "net.onnx.adb.latency.json").read_bytes() == b"[]"


def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = kept(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(delivery.transaction, "prepare", full)
    with pytest.raises(OutputError, match="disk is full"):
        results.keep(EXPORT, {"net.onnx": b"two", "net.json": b"{}"})
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before
    assert results.finished(EXPORT.place, "1")


def test_one_sweep_at_a_time_writes_into_a_folder(tmp_path: Path) -> None:
    with alone_with(tmp_path / "out"):
        with pytest.raises(UsageError, match="Another sweep is writing"), alone_with(tmp_path / "out"):
            pass
        with pytest.raises(UsageError, match="Another sweep is writing"), alone_with(tmp_path / "out"):
            pass
    with alone_with(tmp_path / "out"):
        pass
    assert not names(tmp_path / "out")


@pytest.mark.parametrize("name", ["../precious", "/etc/passwd", "a/../../precious", "..", ""])
def test_a_record_of_someone_else_names_no_file_outside_the_folder(name: str, tmp_path: Path) -> None:
    """Such a file would be removed with the result."""
    folder = tmp_path / "out"
    kept(folder)
    record = json.loads((folder / "sweep.json").read_text())
    record["cells"][0]["files"] = {name: "0" * 64}
    (folder / "sweep.json").write_text(json.dumps(record))
    with pytest.raises(ArtifactError, match="is not the name of a file in the folder"):
        Results(folder)


def test_a_named_pipe_in_the_place_of_a_result_is_not_opened(tmp_path: Path) -> None:
    results = kept(tmp_path)
    (tmp_path / "net.onnx").unlink()
    os.mkfifo(tmp_path / "net.onnx")
    assert not results.finished(EXPORT.place, "1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not valid JSON"),
        (json.dumps({"schema_version": 99}), "has schema version 99"),
        (json.dumps({"schema_version": 1, "cells": [{}]}), "error"),
    ],
    ids=["syntax", "version", "content"],
)
def test_a_damaged_record_is_refused_and_kept(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(ArtifactError, match=said):
        Results(tmp_path)
    assert (tmp_path / "sweep.json").read_text() == text
