"""Parity judges every output and every position by its own size."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ca_deploy.evaluation.parity import measure
from ca_deploy.evaluation.predictor import Predictor
from ca_deploy.records.parity import ParityReport
from ca_deploy.records.recipe import OutputTolerances, Tolerances
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkInput, NetworkOutput, Signature
from ca_deploy.records.tensors import TensorSpec
from ca_deploy.tasks import find_task

COUNT = 32
FLOAT32 = Tolerances(max_abs_error=1e-4)


class Fixed:
    """A session that answers sample ``n`` with row ``n`` of its outputs."""

    runtime = "fixed"
    settings: Mapping[str, str] = {}
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()

    def __init__(self, answers: Mapping[str, NDArray[Any]]) -> None:
        self.answers, self.number = answers, 0

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        self.number += 1
        return {name: values[self.number - 1 : self.number] for name, values in self.answers.items()}


def compared(
    reference: Mapping[str, NDArray[Any]],
    found: Mapping[str, NDArray[Any]],
    by: Tolerances,
    count: int = COUNT,
    task: str = "tensors",
) -> ParityReport:
    names = {name: values.dtype.name for name, values in reference.items()}
    outputs = {name: TensorSpec(name, (1, *values.shape[1:]), "float32", "other") for name, values in reference.items()}
    given = tuple(
        NetworkOutput(name, (1, *reference[name].shape[1:]), "int64" if dtype == "int64" else "float32")
        for name, dtype in names.items()
    )
    signature = Signature((NetworkInput("x", (1, 1)),), given)
    spec = TensorSpec("x", (1, 1), "float32", "other")
    subject = Predictor("file", Fixed(found), signature, {"x": spec}, outputs, find_task(task))
    samples = Samples({"x": np.zeros((count, 1), np.float32)}, tuple(map(str, range(count))))
    expected = {name: values.astype(np.float32) for name, values in reference.items()}
    return measure(subject, "network", expected, samples, by)


def detections() -> NDArray[np.float32]:
    """Boxes to 640 and a score, ``(N, 7, 5)``."""
    random = np.random.default_rng(0)
    boxes, scores = random.uniform(0, 640, (COUNT, 7, 4)), random.uniform(0, 1, (COUNT, 7, 1))
    return np.concatenate([boxes, scores], 2).astype(np.float32)


def test_boxes_in_pixels_have_room_for_float32_and_scores_beside_them_have_not() -> None:
    reference = {"found": detections()}
    rounded, wrong = detections(), detections()
    rounded[..., :4] += 1e-3
    wrong[..., 4] += 6e-3
    assert compared(reference, {"found": rounded}, FLOAT32).status == "pass"
    report = compared(reference, {"found": wrong}, FLOAT32)
    assert report.status == "fail"
    assert report.reason.startswith("max abs error 0.006 is above 0.0001")


def test_the_worst_output_is_named_and_judges() -> None:
    reference = {"a": detections(), "b": detections()[..., 4]}
    report = compared(reference, {"a": reference["a"], "b": reference["b"] * 0}, Tolerances(sqnr_db=15))
    assert report.reason == "b: SQNR 0.0 dB is below 15 dB"
    assert [bool(one.missed) for one in report.outputs] == [False, True]
    assert report.sqnr_db == pytest.approx(0)
    assert report.outputs[0].sqnr_db is None


def test_an_output_may_have_a_stricter_tolerance() -> None:
    reference = {"a": detections()}
    noisy = {"a": reference["a"] * 1.05}
    assert compared(reference, noisy, Tolerances(sqnr_db=15)).status == "pass"
    strict = Tolerances(sqnr_db=15, outputs={"a": OutputTolerances(sqnr_db=30)})
    assert "below 30 dB" in compared(reference, noisy, strict).reason


def test_integers_are_judged_by_the_share_that_is_equal() -> None:
    reference = {"map": np.arange(COUNT * 100).reshape(COUNT, 100) % 7}
    found = {"map": reference["map"].astype(np.float32)}
    assert compared(reference, found, FLOAT32).status == "pass"
    found["map"][:, :5] += 1
    report = compared(reference, found, Tolerances(agreement_percent=97))
    assert report.outputs[0].equal_percent == pytest.approx(95)
    assert report.reason == "95.0 % of the values are equal, below 97 %"


def test_nan_fails() -> None:
    reference = {"a": detections()}
    for by in (FLOAT32, Tolerances(sqnr_db=15)):
        assert compared(reference, {"a": reference["a"] * np.nan}, by).status == "fail"


def test_too_few_samples_give_no_verdict_but_a_miss_is_a_miss() -> None:
    few = {"a": detections()[:8]}
    assert compared(few, few, Tolerances(sqnr_db=15), count=8).status == "skipped"
    assert compared(few, {"a": few["a"] * 0}, Tolerances(sqnr_db=15), count=8).status == "fail"


def test_an_agreement_is_missed_beyond_chance_only() -> None:
    reference = np.eye(5, dtype=np.float32)[np.arange(128) % 5]
    by = Tolerances(agreement_percent=97)
    for flips, status in ((5, "pass"), (10, "fail")):
        found = reference.copy()
        found[:flips] = np.roll(found[:flips], 1, axis=1)
        report = compared({"logits": reference}, {"logits": found}, by, count=128, task="classification")
        assert report.status == status
        assert report.agreement == pytest.approx(100 * (1 - flips / 128))
    assert "agreement 92.2 % of 128 (at most 95.7 % in all images, with 95 % confidence) is below 97 %" in report.reason
