"""What a worker does, without a cluster."""

from dataclasses import replace
from pathlib import Path

import pytest

from ca_deploy.errors import UsageError
from ca_deploy.pipeline.request import requested
from ca_deploy.progress import no_named_step
from ca_deploy.records.model import ModelSource
from ca_deploy.records.parity import Status
from ca_deploy.sweeps.jobs import AccuracyJob, ExportJob, inputs_of_export, read, write


def test_a_worker_that_sees_other_inputs_refuses(tmp_path: Path) -> None:
    """Before it converts anything."""
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\ne\n")
    source = ModelSource("tests.zoo.tiny:tiny_trained", labels=tmp_path / "labels.txt")
    request = requested(source, ["onnx_float32", "onnx_float16"], tmp_path / "out")
    inputs = inputs_of_export(request)
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\nf\n")
    made = ExportJob(request, inputs).run(tmp_path, no_named_step)
    assert [one.status for one in made] == [Status.FAIL] * 2
    assert all("sees another labels than the client" in one.reason for one in made)
    with pytest.raises(UsageError, match="another data"):
        AccuracyJob("net.onnx", {}, tmp_path, {"data": "-"}, (), "-").run(tmp_path, no_named_step)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"calibration": "scikit_image"}, "calibration"),
        ({"calibration_count": 40}, "export"),
        ({"held_out": 33}, "export"),
        ({"batch": 2}, "export"),
        ({"lowering": "reference"}, "lowering"),
        ({"source": ModelSource("tests.zoo.tiny:tiny_ca", random_weights=True)}, "network"),
        ({"source": ModelSource("tests.zoo.tiny:tiny_trained", input_size=48)}, "options"),
        ({"source": ModelSource("tests.zoo.tiny:tiny_trained", name="other")}, "options"),
    ],
)
def test_every_option_of_an_export_counts(change: dict[str, object], named: str, tmp_path: Path) -> None:
    source = ModelSource("tests.zoo.tiny:tiny_trained")
    request = requested(source, ["onnx_float32"], tmp_path, calibration="random")
    before = inputs_of_export(request)
    after = inputs_of_export(replace(request, **change))  # type: ignore[arg-type]
    assert named in {name for name in before if before[name] != after.get(name)}


def test_files_and_folders_travel_as_bytes(tmp_path: Path) -> None:
    sent = {"net.mlpackage/Data/weights": b"1", "net.mlpackage/Manifest.json": b"2", "net.json": b"3"}
    write(tmp_path / "there", sent)
    assert read(tmp_path / "there", ["net.mlpackage", "net.json", "missing"]) == sent
