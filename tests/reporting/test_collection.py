"""What is found in folders, to which file it belongs, and what is left out by name."""

import shutil
from pathlib import Path

import pytest

from ca_deploy.errors import UsageError
from ca_deploy.records.codec import to_json
from ca_deploy.records.parity import Status
from ca_deploy.records.sweep import RECORD_FILE, SCHEMA_VERSION, Cell, SweepRecord
from ca_deploy.reporting.collection import collect, shortest_ends
from tests.reporting import kit
from tests.reporting.kit import FILES


def test_every_record_is_found_and_belongs_to_its_file(folder: Path) -> None:
    found = collect([folder])
    assert [file.label for file in found.files] == list(FILES) and all(file.present for file in found.files)
    for file, parities in zip(found.files, (1, 2), strict=True):  # the second by layer too
        assert [len(records) for records in (file.parities, file.accuracies, file.measured)] == [parities, 1, 1]
        assert {record.target for record in file.compat} >= {"ort_cpu", "ort_xnnpack"}
        assert {record.file for record in file.compat} == {file.place.name}
    assert len(found.reports) == len(found.attention) == len(found.pictures) == 1
    assert not (found.problems or found.passed_over or found.unmatched or found.cells)


def test_folders_that_overlap_are_read_once(folder: Path) -> None:
    assert collect([folder, folder.parent, folder / "here.latency.json"]).files == collect([folder]).files


def test_a_latency_belongs_by_content_whatever_it_is_called(folder: Path, tmp_path: Path) -> None:
    made = kit.changed(folder, tmp_path / "copy")
    (made / "sub").mkdir()
    for name in ("here.latency.json", f"{FILES[0]}.accuracy.json"):
        (made / name).rename(made / "sub" / f"x.{name}")
    first, second = collect([made]).files
    assert len(first.measured) == len(second.measured) == len(first.accuracies) == 1


def test_of_two_files_of_one_name_a_record_belongs_to_the_one_beside_it(folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(folder, tmp_path / name)
    (tmp_path / "b" / f"{FILES[0]}.accuracy.json").rename(tmp_path / "elsewhere.json")
    found = collect([tmp_path])
    assert [file.label for file in found.files] == [f"{name}/{file}" for name in "ab" for file in FILES]
    assert [len(file.accuracies) for file in found.files] == [1, 1, 0, 1]
    assert found.unmatched == (f"{tmp_path}/elsewhere.json: accuracy of {FILES[0]}",)


def test_labels_are_as_short_as_they_can_be() -> None:
    paths = [Path("x/a/net.onnx"), Path("x/b/net.onnx"), Path("other.onnx")]
    assert shortest_ends(paths) == ["a/net.onnx", "b/net.onnx", "other.onnx"]


def test_what_is_damaged_or_foreign_is_named_and_skipped(folder: Path, tmp_path: Path) -> None:
    made = kit.changed(folder, tmp_path / "copy", here_latency_json=lambda content: content.update(schema_version=99))
    (made / "cut.json").write_text('{"sha256": "')
    (made / "tiny_trained.onnx_float32.json").write_text('{"license": "MIT"}')
    accuracy = made / f"{FILES[1]}.accuracy.json"
    accuracy.write_text(accuracy.read_text().replace('"images": 20', '"images": "many"'))
    (made / "package.json").write_text('{"name": "app"}')
    found = collect([made])
    assert [file.label for file in found.files] == [FILES[1]]
    said = {Path(path).name: problem for path, problem in found.problems.items()}
    assert said.keys() == {"cut.json", "here.latency.json", "tiny_trained.onnx_float32.json", accuracy.name}
    assert "not valid JSON" in said["cut.json"] and "schema version 99" in said["here.latency.json"]
    assert "stands where one would" in said["tiny_trained.onnx_float32.json"] and "images" in said[accuracy.name]
    assert found.passed_over == (f"{made}/package.json",)
    assert not found.files[0].accuracies and any(FILES[0] in said for said in found.unmatched)


def test_a_file_that_was_replaced_is_not_the_one_that_was_judged(folder: Path, tmp_path: Path) -> None:
    made = kit.changed(folder, tmp_path / "copy")
    (made / FILES[0]).write_bytes(b"another")
    found = collect([made])
    assert [file.label for file in found.files] == [FILES[1]]
    assert "its sha256 differs" in "".join(found.problems.values())


def test_a_manifest_alone_is_enough_and_says_so(folder: Path, tmp_path: Path) -> None:
    made = kit.changed(folder, tmp_path / "copy")
    (made / FILES[0]).unlink()
    assert [file.present for file in collect([made]).files] == [False, True]


def test_failed_cells_of_a_sweep_are_shown(folder: Path, tmp_path: Path) -> None:
    made = kit.changed(folder, tmp_path / "copy")
    lost = Cell("net.tflite", "latency", Status.FAIL, "adb", "it was lost")
    cells = (
        Cell(FILES[0], "export", Status.PASS),
        lost,
        Cell("net.onnx", "export", Status.SKIPPED, reason="no memory"),
        Cell("net.onnx", "accuracy", Status.SKIPPED, "val", "It was not made.", files={"net.json": "1"}),
    )
    short = Cell(FILES[1], "export", Status.FAIL, reason="missed its tolerances", key="1", files={FILES[1]: "1"})
    command = ("ca-deploy", "sweep", "SWEEP.toml", "-o", "my results")
    (made / RECORD_FILE).write_text(to_json(SweepRecord(SCHEMA_VERSION, "0.1.0", (*cells, short), command)))
    assert collect([made]).cells == cells[1:]
    said = kit.run("report", made, "--markdown")
    assert "ca-deploy sweep SWEEP.toml -o 'my results'" in said
    assert "latency of net.tflite on adb" in said and "it was lost" in said


def test_without_a_manifest_there_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(UsageError, match="no manifest of an exported file") as refused:
        collect([tmp_path])
    assert "broken.json" in str(refused.value) and "ca-deploy export" in str(refused.value)
    with pytest.raises(UsageError, match="does not exist"):
        collect([tmp_path / "none"])


def test_what_is_not_a_file_is_not_opened(folder: Path, tmp_path: Path) -> None:
    made = kit.changed(folder, tmp_path / "copy")
    import os

    os.mkfifo(made / "pipe.json")
    os.mkfifo(made / "pipe.png")
    (made / "endless.json").symlink_to("/dev/zero")
    found = collect([made])
    assert sorted(Path(path).name for path in found.problems) == ["endless.json", "pipe.json"]


def test_numbers_that_cannot_be_are_damage(folder: Path, tmp_path: Path) -> None:
    made = kit.changed(
        folder,
        tmp_path / "copy",
        here_latency_json=lambda content: content["measurements"][0]["statistics"].update(median_ms=0.0),
        tiny_trained_onnx_float32_json=lambda content: content.update(size_bytes=-5),
        tiny_trained_onnx_static_wi8_ai8_onnx_accuracy_json=lambda content: content.update(top1=1e300),
    )
    (made / "self.json").symlink_to("self.json")
    said = {Path(path).name: problem for path, problem in collect([made]).problems.items()}
    assert "median_ms is 0" in said["here.latency.json"] and "leads back to itself" in said["self.json"]
    assert "size_bytes is -5" in said["tiny_trained.onnx_float32.json"]
    assert "top1 is 1e+300 %" in said[f"{FILES[1]}.accuracy.json"] and len(said) == 4


def test_very_many_cells_without_a_result_are_counted(folder: Path, tmp_path: Path) -> None:
    made = kit.changed(folder, tmp_path / "copy")
    cells = tuple(Cell(f"{number}.onnx", "export", Status.FAIL, reason="lost") for number in range(20_000))
    (made / RECORD_FILE).write_text(to_json(SweepRecord(SCHEMA_VERSION, "0.1.0", cells)))
    said = kit.run("report", made, "--markdown")
    assert "19800 more cells" in said and "export of 199.onnx" in said and "export of 200.onnx" not in said
