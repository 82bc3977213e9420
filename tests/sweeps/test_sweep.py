"""Sweeps from SWEEP.toml to files: the same bytes however they are made, and nothing made twice."""

import errno
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

import ca_deploy
from ca_deploy import delivery
from ca_deploy.cli import app
from ca_deploy.records.codec import to_json
from ca_deploy.records.manifest import manifest_of
from ca_deploy.records.parity import Status
from ca_deploy.records.sweep import SweepRecord
from ca_deploy.sweeps import run
from ca_deploy.sweeps.results import Results
from tests.sweeps.kit import FAILS, OTHER, RECIPES, TINY, contents, sweep_file

_VARY = ("speed",)  # what is timed
FILES = [f"{model}.{recipe}.onnx" for model in ("tiny_trained", "larger") for recipe in RECIPES]


def manifests(folder: Path) -> dict[str, Any]:
    read = {name: json.loads(text) for name, text in contents(folder, ".json").items() if not name.startswith("sweep")}
    return {name: {key: value for key, value in content.items() if key not in _VARY} for name, content in read.items()}


def test_four_cells_are_made_and_recorded(swept: tuple[Path, SweepRecord]) -> None:
    folder, record = swept
    assert [cell.file for cell in record.cells] == FILES
    assert {cell.status for cell in record.cells} == {Status.PASS}
    assert record.passed
    written = json.loads((folder / "out" / "sweep.json").read_text())
    assert [cell["key"] for cell in written["cells"]] == [cell.key for cell in record.cells]
    for cell in record.cells:
        manifest = manifest_of(folder / "out" / cell.file)  # it checks the file's hash
        assert manifest is not None
        assert cell.files[cell.file] == manifest.sha256
        assert cell.figures["size_bytes"] == manifest.size_bytes
    assert not [path for path in (folder / "out").iterdir() if path.name.startswith(".")]


def test_one_worker_and_an_export_alone_make_the_same_bytes(swept: tuple[Path, SweepRecord], tmp_path: Path) -> None:
    """Manifests too, with their relative paths, but for what is timed."""
    folder, _ = swept
    ca_deploy.sweep(sweep_file(folder / "one", TINY, OTHER), folder / "again", workers=1)
    alone = folder / "alone"
    source = ca_deploy.ModelSource("tests.zoo.tiny:tiny_trained", input_size=32)
    ca_deploy.export(source, recipes=RECIPES, output=alone)
    made = contents(folder / "out", ".onnx", ".py", ".kt")
    assert len(made) == 3 * len(FILES)
    assert contents(folder / "again", ".onnx", ".py", ".kt") == made
    assert manifests(folder / "again") == manifests(folder / "out")
    for name, content in contents(alone, ".onnx", ".py", ".kt").items():
        assert made[name] == content, name
    assert manifests(folder / "out").items() >= manifests(alone).items()


def test_a_second_run_makes_only_what_is_missing(
    swept: tuple[Path, SweepRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, record = swept
    out = tmp_path / "out"
    shutil.copytree(folder / "out", out)
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir() if path.name != "sweep.json"}
    asked: list[str] = []

    def no_cluster(*args: object) -> object:
        raise RuntimeError("nothing is to be made")

    with monkeypatch.context() as patch:
        patch.setattr(run, "embedded", no_cluster)
        again = ca_deploy.sweep(sweep_file(tmp_path, TINY, OTHER), out)
        assert again == record
        assert {path.name: path.stat().st_mtime_ns for path in out.iterdir() if path.name != "sweep.json"} == before
        for damage in ("changed", "removed"):
            file = out / FILES[0]
            file.write_bytes(b"changed") if damage == "changed" else file.unlink()
            with pytest.raises(RuntimeError, match="nothing is to be made"):
                ca_deploy.sweep(sweep_file(tmp_path, TINY, OTHER), out, step=lambda _, doing: asked.append(str(doing)))
    assert [line for line in asked if "made anew" in line] == [
        f"{FILES[0]} is made anew: its files were changed or removed",
        f"{FILES[0]} is made anew: it was not finished",
    ]
    assert [(cell.status, dict(cell.figures)) for cell in Results(out).cells.values()] == [
        (Status.SKIPPED, {}),
        *((cell.status, cell.figures) for cell in record.cells[1:]),
    ]


def test_a_sweep_that_ends_early_says_what_was_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*args: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "embedded", killed)
    path = sweep_file(tmp_path, TINY, OTHER, head='devices = ["emulated:cortex-a76"]')
    with pytest.raises(KeyboardInterrupt):
        ca_deploy.sweep(path, tmp_path / "out")
    cells = Results(tmp_path / "out").cells.values()
    assert [(cell.file, cell.what) for cell in cells] == [
        (file, what) for file in FILES for what in ("export", "latency")
    ]
    assert {(cell.status, cell.reason) for cell in cells} == {(Status.SKIPPED, "It was not made.")}


def test_labelled_photos_are_evaluated_as_evaluate_does(swept: tuple[Path, SweepRecord], tmp_path: Path) -> None:
    """By what is there already; other photos are another result."""
    out = tmp_path / "out"
    shutil.copytree(swept[0] / "out", out)
    for number, name in enumerate("abcde"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (40, 40), (50 * number, 90, 200)).save(tmp_path / "photos" / name / "1.png")
    path = sweep_file(tmp_path, TINY, '[evaluate]\ndata = "photos"\n')
    record = ca_deploy.sweep(path, out, workers=1)
    files = FILES[: len(RECIPES)]
    assert [(cell.file, cell.what, cell.status) for cell in record.cells if cell.on] == [
        (file, "accuracy", Status.PASS) for file in files
    ]
    for file in files:
        report = json.loads((out / f"{file}.photos.accuracy.json").read_text())
        command = ("ca-deploy", "evaluate", str(out / file), "--data", str(tmp_path / "photos"), "--json")
        alone = replace(ca_deploy.evaluate(out / file, tmp_path / "photos"), command_line=command)
        assert report == json.loads(to_json(alone))
    assert contents(out, ".onnx") == contents(swept[0] / "out", ".onnx")
    Image.new("RGB", (40, 40), "white").save(tmp_path / "photos" / "a" / "2.png")
    again = ca_deploy.sweep(path, out, workers=1)
    assert [cell.key == before.key for cell, before in zip(again.cells, record.cells, strict=True)] == [True, False] * 2
    assert json.loads((out / f"{files[0]}.photos.accuracy.json").read_text())["images"] == 6
    shutil.copytree(tmp_path / "photos", tmp_path / "others")
    path.write_text(path.read_text().replace("photos", "others"))
    ca_deploy.sweep(path, out, workers=1)
    kept = Results(out)
    for cell in again.cells:
        assert kept.finished(cell.place, cell.key), cell.place


def test_a_device_that_does_not_answer_later_keeps_its_results(
    swept: tuple[Path, SweepRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the same file and options; others fail."""
    out = tmp_path / "out"
    shutil.copytree(swept[0] / "out", out)
    device = "emulated:cortex-a76"
    record = ca_deploy.sweep(sweep_file(tmp_path, TINY, head=f'devices = ["{device}"]'), out, workers=1)
    monkeypatch.setattr(run, "_asked_here", lambda *_: "It is switched off.")
    said: list[str] = []
    path = sweep_file(tmp_path, TINY, OTHER, head=f'devices = ["{device}"]')
    again = ca_deploy.sweep(path, out, step=lambda _, doing: said.append(str(doing)))
    assert again.cells[: len(record.cells)] == record.cells
    assert {(cell.status, cell.reason) for cell in again.cells if "larger" in cell.file and cell.on} == {
        (Status.FAIL, "It is switched off.")
    }
    kept = [f"{file} on {device} keeps its earlier result: It is switched off." for file in FILES[: len(RECIPES)]]
    assert [line for line in said if "keeps" in line] == kept
    assert said.index(f"{device} does not answer: It is switched off.") < said.index(kept[0])
    path.write_text(path.read_text().replace("[[model]]", "[profile]\noperators = true\n[[model]]", 1))
    with_operators = ca_deploy.sweep(path, out)
    assert {cell.status for cell in with_operators.cells if cell.on} == {Status.FAIL}
    assert all((out / name).exists() for cell in record.cells for name in cell.files)


def test_a_cell_that_fails_keeps_its_error_and_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One network cannot be made, and the disk is full when the files of another are written."""
    prepare = delivery.transaction.prepare

    def full(root: Path, finished: Sequence[Path]) -> None:
        if any(path.name.startswith("larger") for path in finished):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        prepare(root, finished)

    monkeypatch.setattr(delivery.transaction, "prepare", full)
    head = 'devices = ["emulated:cortex-a76"]\n[export]\ncheck = ["ort_cpu"]\n[profile]\noperators = true'
    path = sweep_file(tmp_path, FAILS, OTHER, TINY, head=head, recipes=RECIPES[:1])
    done = CliRunner().invoke(app, ["sweep", str(path), "-o", str(tmp_path / "out"), "--workers", "1"])
    assert done.exit_code == 1, done.output
    assert "no such luck" in done.output
    assert "2 pass, 2 skipped, 2 fail" in done.output
    cells = json.loads((tmp_path / "out" / "sweep.json").read_text())["cells"]
    found = {(cell["file"], cell["what"]): cell for cell in cells}
    assert "no such luck" in found["fails.onnx_float32.onnx", "export"]["reason"]
    assert found["fails.onnx_float32.onnx", "export"]["status"] == "fail"
    assert found["fails.onnx_float32.onnx", "latency"]["status"] == "skipped"
    assert "disk is full" in found["larger.onnx_float32.onnx", "export"]["reason"]
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith((".", "larger"))]
    assert found["tiny_trained.onnx_float32.onnx", "latency"]["status"] == "pass"
    manifest = manifest_of(tmp_path / "out" / "tiny_trained.onnx_float32.onnx")
    assert manifest is not None and [one.target for one in manifest.compatibility] == ["ort_cpu"]
    report = tmp_path / "out" / "tiny_trained.onnx_float32.onnx.emulated_cortex-a76.latency.json"
    assert "/tmp" not in report.read_text().replace(str(tmp_path), "")
    file = str(tmp_path / "out" / "tiny_trained.onnx_float32.onnx")
    assert json.loads(report.read_text())["measurements"][0]["file"] == file
    assert json.loads(report.read_text())["command_line"] == [
        "ca-deploy", "profile", file, "--device", "emulated:cortex-a76", "--ops", "--json"
    ]  # fmt: skip
