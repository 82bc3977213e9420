"""Suppression in the file (``--head nms``) gives what numpy gives of its raw tensors, and damage is seen."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn

import ca_deploy
from ca_deploy.errors import ArtifactError, ModelError, RecipeError, UsageError
from ca_deploy.evaluation.predictor import file_predictor
from ca_deploy.files import sha256_of
from ca_deploy.formats import find_format, formats_with
from ca_deploy.networks.source import Network, load, source_of_object
from ca_deploy.plugins import load as named
from ca_deploy.recipes import load_recipe
from ca_deploy.records.boxes import BoxCoding, Suppression
from ca_deploy.records.compat import Verdict
from ca_deploy.records.model import ModelSource
from ca_deploy.records.module_path import DETECTIONS
from ca_deploy.records.samples import Samples
from ca_deploy.runtimes import open_session
from ca_deploy.tasks._detector import Detector, Suppressed, detector_of
from tests.formats.kit import export
from tests.tasks.test_detection_heads import SIZE, TwoMaps

pytestmark = pytest.mark.usefixtures("warm_converters")

FORMATS = formats_with("detection/nms")


class Yolo(nn.Module):
    """One tensor of centres in pixels; probabilities in steps of an eighth, so that many are equal."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.conv = nn.Conv2d(3, 6, 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        found = self.conv(x).flatten(2)
        return torch.cat([found[:, :4].sigmoid() * SIZE, ((found[:, 4:] * 4).sigmoid() * 8).floor() / 8], 1)


class Corners(nn.Module):
    """Corners in parts, and logits of a sigmoid."""

    box_coding = BoxCoding("corners", "parts", "sigmoid")

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(2)
            self.conv = nn.Conv2d(3, 7, 8, 8)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = self.conv(x).flatten(2).transpose(1, 2)
        low = found[..., :2].sigmoid() * 0.8
        return {"boxes": torch.cat([low, low + found[..., 2:4].sigmoid()], -1), "scores": 3 * found[..., 4:]}


NETWORKS = {"offsets": TwoMaps, "one tensor": Yolo, "corners": Corners}


def network(build: type[nn.Module] = TwoMaps, **described: Any) -> Network:
    module = build().eval()
    return load(source_of_object(module, source(**described)), module)


def source(**described: Any) -> ModelSource:
    given = {"input_size": SIZE, "fit": "stretch", "mean": (0.5,) * 3, "std": (0.25,) * 3, "task": "detection"}
    return ModelSource(**{**given, "head": "nms", **described})


def photos(count: int = 4) -> Samples:
    pixels = np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)
    return Samples({"image": pixels}, ("",) * count)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("format_name", FORMATS)
def test_a_file_gives_what_numpy_gives_of_its_raw_tensors(format_name: str, kind: str, tmp_path: Path) -> None:
    finished, recipe = network(NETWORKS[kind]), load_recipe(f"{format_name}_float32")
    form = find_format(format_name)
    path = tmp_path / f"net{form.suffix}"
    done = export(finished, recipe, path)
    assert [(spec.name, spec.shape) for spec in done.outputs] == [
        ("detection_boxes", (1, 100, 4)),
        ("detection_classes", (1, 100)),
        ("detection_scores", (1, 100)),
        ("num_detections", (1,)),
    ]
    given = file_predictor("", open_session(path), done.inputs, done.outputs, finished.signature, finished.task, None)
    before = finished.converted
    session = open_session(named(form.unfinished)(path, tmp_path, [one.name for one in before.signature.outputs]))
    raw = file_predictor("", session, done.inputs, session.outputs, before.signature, before.task, None)
    numpy, in_file = detector_of(before.signature), detector_of(finished.signature)
    assert isinstance(numpy, Detector)
    assert isinstance(in_file, Suppressed)
    answers = given.run(photos())
    pairs = zip(numpy.found(raw.run(photos())), in_file.found(answers), strict=True)
    for place, (expected, found) in enumerate(pairs):
        assert len(expected.scores) > 20
        assert found.scores == pytest.approx(expected.scores, abs=1e-6)
        assert (found.classes == expected.classes).all()  # in the same order, that of equal scores too
        assert np.abs(found.boxes - expected.boxes).max() * SIZE < 1e-4
        free = slice(len(expected.scores), None)
        assert not answers["detection_boxes"][place, free].any()
        assert not answers["detection_scores"][place, free].any()


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_photo_without_a_detection_gives_none(format_name: str, tmp_path: Path) -> None:
    class Nothing(Corners):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            found = super().forward(x)
            return {"boxes": found["boxes"], "scores": found["scores"] - 60}

    finished = network(Nothing)
    path = tmp_path / f"net{find_format(format_name).suffix}"
    done = export(finished, load_recipe(f"{format_name}_float32"), path)
    given = file_predictor("", open_session(path), done.inputs, done.outputs, finished.signature, finished.task, None)
    assert not any(values.any() for values in given.run(photos()).values())


def test_pytorch_gives_it_too_and_the_manifest_says_what_is_suppressed() -> None:
    finished = network()
    assert finished.signature.suppression == Suppression("boxes", "scores", 2, 0.01, 0.5, 100)
    assert finished.signature.boxes == TwoMaps.box_coding
    assert finished.converted.signature.suppression is None
    with torch.inference_mode():
        given = finished.module(torch.zeros(1, 3, SIZE, SIZE))
    assert [tuple(one.shape) for one in given] == [one.shape for one in finished.signature.outputs]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ca_deploy.Export]:
    """INT8, of an object in memory, by every format."""
    done = ca_deploy.export(
        TwoMaps(),
        source=source(),
        recipes=[f"{name}_static_wi8_ai8" for name in FORMATS],
        output=tmp_path_factory.mktemp("exported"),
        calibration="random",
        held_out=32,
    )
    return {one.manifest.format: one for one in done}


@pytest.mark.parametrize("format_name", FORMATS)
def test_an_int8_file_is_judged_by_its_detections_and_its_raw_tensors(
    format_name: str, exported: dict[str, ca_deploy.Export]
) -> None:
    done = exported[format_name]
    parity = done.manifest.parity
    assert done.passed, parity.reason
    assert [one.name for one in parity.outputs] == ["boxes", "scores", "detection_boxes", "detection_scores"]
    assert [one.unrounded is not None for one in parity.outputs] == [True, True, False, False]
    assert parity.agreement is not None
    assert parity.agreement > 95
    reasons = {one.reason for one in done.manifest.float_operators}
    assert any("finds detections, in float by design" in why for why in reasons)
    code = done.path.with_suffix(".swift" if format_name == "coreml" else ".kt").read_text(encoding="utf-8")
    assert '"detection_boxes": (1, 100, 4), top, left, bottom, right in parts of the input' in code
    again = ca_deploy.compare(done.path, against=TwoMaps(), layers=True)
    assert (again.status, again.agreement) == ("pass", parity.agreement)
    assert again.layers is not None
    found = {one.module: one.sqnr_db or 99 for one in again.layers.layers}
    assert found.keys() == {"stem", "down", "heads.0", "heads.1"} and min(found.values()) > 30


@pytest.mark.parametrize(("format_name", "target"), [("onnx", "ort_cpu"), ("tflite", "xnnpack")])
def test_check_counts_it_as_no_break_and_says_it(
    format_name: str, target: str, exported: dict[str, ca_deploy.Export]
) -> None:
    (report,) = ca_deploy.check(exported[format_name].path, targets=[target])
    assert Verdict.FLOAT_IN_INT8 not in {finding.verdict for finding in report.findings}
    assert report.measured_partitions == 1
    assert any("operators behind the network find detections, in float by design" in note for note in report.notes)
    assert not any("island" in said for said in exported[format_name].manifest.acceleration)


def test_check_does_not_advise_to_write_it_in_another_way(exported: dict[str, ca_deploy.Export]) -> None:
    (report,) = ca_deploy.check(exported["coreml"].path, targets=["coreml"])
    behind = [one for one in report.findings if one.module == DETECTIONS and one.verdict is Verdict.FALLS_BACK]
    assert behind and all("Or export with --head boxes" in one.remedy for one in behind)


def test_two_files_with_suppression_are_compared(exported: dict[str, ca_deploy.Export], tmp_path: Path) -> None:
    (done,) = ca_deploy.export(TwoMaps(), source=source(), formats=["onnx"], output=tmp_path, calibration="random")
    report = ca_deploy.compare(exported["onnx"].path, done.path)
    assert report.status == "pass"
    assert [one.name for one in report.outputs] == ["detection_boxes", "detection_scores"]


def test_a_file_that_suppresses_otherwise_or_is_damaged_before_fails(tmp_path: Path) -> None:
    (done,) = ca_deploy.export(
        TwoMaps(), source=source(), formats=["onnx"], output=tmp_path, calibration="random", held_out=32
    )
    manifest = done.path.with_suffix(".json").read_bytes()

    def status_with(constant: str, change: Any) -> tuple[str, str]:
        model = onnx.load(done.path)
        (one,) = (one for one in model.graph.initializer if one.name == constant)
        one.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(one).copy()), constant))
        path = tmp_path / "changed.onnx"
        onnx.save(model, path)
        own = manifest.replace(done.manifest.sha256.encode(), sha256_of(path).encode())
        path.with_suffix(".json").write_bytes(own)
        report = ca_deploy.compare(path, against=TwoMaps())
        return report.status, report.reason

    assert status_with("head:nms/most_iou", lambda values: values)[0] == "pass"
    tolerant = status_with("head:nms/most_iou", lambda values: values * 0 + 0.95)
    assert tolerant[0] == "fail"
    assert "agreement" in tolerant[1]  # a second box for one thing, which no comparison of tensors sees
    assert status_with("head:nms/variances", lambda values: values * 1.01)[0] == "fail"
    assert status_with("head:nms/y_first", lambda values: values[[1, 0, 3, 2]])[0] == "fail"


def test_answers_out_of_bounds_are_refused() -> None:
    reader = Suppressed(Suppression("boxes", "scores", 2, most=3), 10, 10)
    answers = {
        "detection_boxes": np.zeros((1, 3, 4), np.float32),
        "detection_classes": np.array([[1, 0, 9]], np.float32),
        "detection_scores": np.array([[0.9, 0.5, 0]], np.float32),
        "num_detections": np.array([2], np.float32),
    }
    (found,) = reader.found(answers)
    assert (found.classes.tolist(), found.scores.tolist()) == ([1, 0], pytest.approx([0.9, 0.5]))
    for count in (3, 4, -1):
        with pytest.raises(ArtifactError, match="it is damaged"):
            reader.found({**answers, "num_detections": np.array([count], np.float32)})


@pytest.mark.parametrize(
    ("wished", "said"),
    [
        ({"batch": 2}, r"takes one image of one size: drop --batch, or choose another head: raw, boxes"),
        ({"dynamic_batch": True}, "drop --dynamic-batch"),
        ({"dynamic_size": True}, "drop --dynamic-size"),
    ],
)
def test_several_images_or_sizes_are_refused(wished: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        ca_deploy.export(TwoMaps(), source=source(), formats=["onnx"], output=tmp_path, **wished)
    assert not list(tmp_path.iterdir())


def test_integers_as_outputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"onnx_static_wi8_ai8_int8_io gives integers, and --head nms computes"):
        ca_deploy.export(TwoMaps(), source=source(), recipes=["onnx_static_wi8_ai8_int8_io"], output=tmp_path)


def test_an_output_of_the_same_name_is_refused() -> None:
    class Named(Corners):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            found = super().forward(x)
            return {"detection_boxes": found["boxes"], "scores": found["scores"]}

    with pytest.raises(ModelError, match="has an output detection_boxes already"):
        network(Named)


def test_there_are_as_many_labels_as_classes(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("cat\ndog\nbird\n")
    with pytest.raises(UsageError, match="has 2 classes, but there are 3 labels"):
        network(labels=labels)
