"""Where one of several recipes fails, the files of the others are delivered, and nothing of the error is lost."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ca_deploy
from ca_deploy.cli import app
from ca_deploy.delivery import interrupts
from ca_deploy.errors import CaDeployError, ExportFailed, ModelError, OutputError, WorkerError
from ca_deploy.formats import Bits, Format, find_format
from ca_deploy.pipeline.converters import Converters
from ca_deploy.pipeline.request import ExportRequest
from ca_deploy.progress import no_named_step
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Conversion, Converted
from ca_deploy.records.model import ModelSource

SPECTRAL = ModelSource("tests.zoo.odd:spectral", input_size=32, random_weights=True)  # TFLite has no FFT


def test_the_files_of_the_others_are_delivered(tmp_path: Path) -> None:
    with pytest.raises(ExportFailed, match=r"tflite_float32 failed: .*cannot convert aten\._fft_r2c") as raised:
        ca_deploy.export(SPECTRAL, formats=["tflite", "onnx"], output=tmp_path)
    (export,) = raised.value.exports
    assert export.passed
    assert export.path == tmp_path / "spectral.onnx_float32.onnx"
    assert ca_deploy.compare(export.path, SPECTRAL).status == "pass"
    assert isinstance(raised.value.failures["tflite_float32"], ModelError)
    assert not list(tmp_path.glob("*.tflite"))
    assert {path.stem for path in tmp_path.glob("*.log")} == {"spectral.onnx_float32", "spectral.tflite_float32"}


def test_a_failure_that_an_interrupt_caused_delivers_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted import raises other errors, which would pass for the failure of one of several exports."""

    def interrupted(name: str, doing: object) -> None:
        if doing == "failed":
            with pytest.raises(KeyboardInterrupt):
                interrupts.interrupt(signal.SIGINT, None)

    monkeypatch.setattr(interrupts, "_interrupted", False)
    with pytest.raises(KeyboardInterrupt):
        ca_deploy.export(SPECTRAL, formats=["tflite", "onnx"], output=tmp_path, step=interrupted)
    assert not list(tmp_path.iterdir())


def test_one_error_that_all_recipes_share_is_raised_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="_fft_r2c"):
        ca_deploy.export(SPECTRAL, recipes=["tflite_float32", "tflite_float16"], output=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"spectral.tflite_float{bits}.log" for bits in (16, 32)}


def test_the_command_shows_what_was_made_names_the_failed_one_last_and_exits_with_1(tmp_path: Path) -> None:
    command = ["export", SPECTRAL.model, "--random-weights", "--input-size", "32", "--format", "tflite"]
    command += ["--output", str(tmp_path), "--format", "onnx", "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1
    made, failed = json.loads(done.stdout)
    assert made["status"] == "pass"
    assert (failed["recipe"], failed["status"], failed["path"]) == ("tflite_float32", "failed", None)
    assert done.stderr.splitlines()[-1] == f"Error: tflite_float32 failed: {failed['error']}"


def _results(tmp_path: Path, converter: str) -> dict[str, Converted | CaDeployError]:
    fake = Format("fake", ".fake", "", f"tests.faulty_converters:{converter}", "", (), {"float32": Bits()})
    source = ModelSource("tests.zoo.tiny:tiny_ca", random_weights=True, input_size=32)
    log = tmp_path / "float32.log"
    first = Conversion(source, load_recipe("onnx_float32"), None, tmp_path / "x.fake", log)
    second = replace(first, recipe=load_recipe("onnx_float16"), log=tmp_path / "float16.log")
    with Converters({fake: log}, tmp_path) as converters:
        done = converters.begin({fake: [first, second]}, no_named_step)
        return {conversion.recipe.name: result for conversion, result in done}


def test_after_a_crash_another_process_makes_the_next_file(tmp_path: Path) -> None:
    results = _results(tmp_path, "CrashesOnce")
    assert isinstance(results["onnx_float32"], WorkerError)
    assert isinstance(results["onnx_float16"], Converted)


def test_the_log_of_a_crash_is_delivered_where_the_message_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = find_format("onnx")
    fake = replace(onnx, converter="tests.faulty_converters:Exits")
    monkeypatch.setattr(ExportRequest, "formats", lambda request: {fake: list(request.recipes)})
    with pytest.raises(WorkerError, match="exit code 7") as raised:
        ca_deploy.export(SPECTRAL, formats=["onnx"], output=tmp_path)
    (log,) = tmp_path.iterdir()
    assert str(log) in str(raised.value)
    assert "last words" in log.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_ends_it_all(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="disk is full"):
        _results(tmp_path, "FillsTheDisk")
