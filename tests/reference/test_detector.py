"""The trained detector: SSDLite on CA-MobileNetV2, which finds playing cards; model card in tests/assets."""

from dataclasses import replace
from pathlib import Path

import pytest

import ca_deploy
from ca_deploy.records.accuracy import AccuracyReport
from ca_deploy.records.model import ModelSource
from tests.system_tools import unavailable

# Labelled photos in COCO JSON, which are no part of the project.
CARDS = Path(__file__).resolve().parents[3] / "shared" / "data" / "cards"
WEIGHTS = Path(__file__).parents[1] / "assets" / "ssdlite320_mobilenet_v2_ca_cards6.safetensors"
NAME = "ssdlite320_mobilenet_v2_ca"
SOURCE = ModelSource(NAME, weights=WEIGHTS)


@pytest.fixture(scope="module")
def in_pytorch() -> AccuracyReport:
    if not CARDS.is_dir():
        unavailable(f"the photos of cards are not at {CARDS}")
    return ca_deploy.evaluate(NAME, CARDS / "val.json", source=SOURCE)


def test_it_finds_the_cards(in_pytorch: AccuracyReport) -> None:
    assert (in_pytorch.images, in_pytorch.task, in_pytorch.by_class_name) == (67, "detection", "AP50")
    assert in_pytorch.figures["AP50"] >= 80
    assert list(in_pytorch.top1_by_class) == ["nine", "ten", "jack", "queen", "king", "ace"]


def test_its_int8_file_finds_them_too(in_pytorch: AccuracyReport, tmp_path: Path) -> None:
    (done,) = ca_deploy.export(
        SOURCE,
        recipes=["tflite_static_wi8_ai8"],
        calibration=str(CARDS / "train"),
        calibration_count=64,
        held_out=64,
        output=tmp_path,
    )
    assert done.passed
    assert [given.name for given in done.manifest.outputs] == ["boxes", "scores"]  # each with a scale of its own
    assert done.manifest.signature.boxes is not None
    assert len(done.manifest.signature.boxes.anchors) == 6
    found = ca_deploy.evaluate(done.path, CARDS / "val.json")
    assert found.figures["AP50"] == pytest.approx(in_pytorch.figures["AP50"], abs=1.5)


def test_suppression_in_the_file_finds_what_numpy_finds(in_pytorch: AccuracyReport, tmp_path: Path) -> None:
    done = ca_deploy.export(
        replace(SOURCE, head="nms"),
        recipes=["onnx_float32", "tflite_static_wi8_ai8"],
        calibration=str(CARDS / "train"),
        calibration_count=64,
        held_out=32,
        output=tmp_path,
    )
    for one, points in zip(done, (0.1, 1.5), strict=True):
        assert one.passed, one.manifest.parity.reason
        found = ca_deploy.evaluate(one.path, CARDS / "val.json")
        assert found.figures["AP50"] == pytest.approx(in_pytorch.figures["AP50"], abs=points)
    integer = done[1].manifest
    reasons = {one.operator: one.reason for one in integer.float_operators}
    assert "in float by design" in reasons["TFLite_Detection_PostProcess"]
    assert integer.signature.suppression is not None
    assert integer.signature.suppression.classes == 6
