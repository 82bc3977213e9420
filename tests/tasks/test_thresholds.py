"""``--score-threshold``, ``--iou-threshold`` and ``--max-detections`` of ``--head nms``."""

from pathlib import Path

import pytest
import torch

from ca_deploy.errors import UsageError
from ca_deploy.evaluation.predictor import file_predictor
from ca_deploy.formats import find_format
from ca_deploy.recipes import load_recipe
from ca_deploy.runtimes import open_session
from ca_deploy.tasks import detection
from ca_deploy.tasks._boxes import detect
from ca_deploy.tasks._detector import Detector, Suppressed, detector_of
from tests.formats.kit import export
from tests.tasks.test_suppression import FORMATS, network, photos


@pytest.mark.parametrize("rule", [(0.4, 0.2, 7), (0.02, 0.9, 400)])
@pytest.mark.parametrize("format_name", FORMATS)
def test_thresholds_are_those_that_were_asked_for(
    format_name: str, rule: tuple[float, float, int], tmp_path: Path
) -> None:
    """Fewer than there would be, and more places than anchors."""
    least, iou, most = rule
    finished = network(score_threshold=least, iou_threshold=iou, max_detections=most)
    form = find_format(format_name)
    path = tmp_path / f"net{form.suffix}"
    done = export(finished, load_recipe(f"{format_name}_float32"), path)
    session = open_session(path)
    given = file_predictor("", session, done.inputs, done.outputs, finished.signature, finished.task, None)
    raw = network(head=None)
    numpy, in_file = detector_of(raw.signature), detector_of(finished.signature)
    assert isinstance(numpy, Detector)
    assert isinstance(in_file, Suppressed)
    with torch.inference_mode():
        pixels = torch.from_numpy(raw.signature.photo.normalise(photos().arrays["image"]))  # type: ignore[union-attr]
        answers = dict(zip(["boxes", "scores"], (one.numpy() for one in raw.module(pixels)), strict=True))
    for boxes, scores, found in zip(*numpy.read(answers), in_file.found(given.run(photos())), strict=True):
        expected = detect(boxes, scores, *rule)
        assert len(expected.scores) > (6 if most == 7 else 50)
        assert found.scores == pytest.approx(expected.scores, abs=1e-5)
        assert (found.classes == expected.classes).all()


def test_agreement_counts_only_what_a_file_may_give() -> None:
    for least, levels in ((0.01, (0.3, 0.15)), (0.2, (0.35, 0.2)), (0.9, (0.95, 0.9))):
        detector = detector_of(network(score_threshold=least).signature)
        assert isinstance(detector, Suppressed)
        assert detection._levels(detector) == pytest.approx(levels)


def test_thresholds_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="only a head that suppresses boxes has thresholds"):
        network(head="boxes", score_threshold=0.4, max_detections=7)
    for wrong in ({"score_threshold": 0.0}, {"iou_threshold": 1.5}, {"max_detections": 0}):
        with pytest.raises(UsageError, match="is not possible: both are between 0 and 1"):
            network(**wrong)
