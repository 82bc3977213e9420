"""What an output misses is said in figures, with the channels that miss it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ca_deploy.evaluation import metrics
from ca_deploy.evaluation.output_parity import compare_output
from ca_deploy.records.parity import OutputParity
from ca_deploy.records.recipe import Tolerances
from ca_deploy.records.signature import NetworkOutput
from ca_deploy.tasks import find_task

BY = Tolerances(sqnr_db=15).with_floors
COUNT = 128


def compared(
    reference: NDArray[np.float32],
    found: NDArray[Any],
    by: Tolerances = BY,
    labels: list[str] | None = None,
    task: str = "tensors",
) -> OutputParity:
    given = NetworkOutput("out", (1, *reference.shape[1:]))
    return compare_output(given, reference, found.astype(np.float32), by, find_task(task), labels)


def boxes_and_scores() -> NDArray[np.float32]:
    random = np.random.default_rng(0)
    boxes, scores = random.uniform(0, 640, (COUNT, 4, 50)), random.uniform(0, 1, (COUNT, 3, 50))
    return np.concatenate([boxes, scores], 1).astype(np.float32)


def years() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(1990, 4, (COUNT, 1)).astype(np.float32)


def test_scores_beside_boxes_are_named() -> None:
    reference = boxes_and_scores()
    found = np.round(reference / np.float32(2.5)) * np.float32(2.5)
    assert metrics.sqnr_db(reference, found) > 40
    missed = compared(reference, found).missed[0]
    assert missed.startswith("channels 4 to 6: SQNR ")
    assert missed.endswith("dB about its mean is below 7 dB")


def test_answers_of_a_regressor_that_are_few_are_not_good() -> None:
    reference = years()
    found = np.round(reference / 4) * 4
    report = compared(reference, found)
    assert report.sqnr_db is not None
    assert report.sqnr_db > 50
    assert report.channels is not None
    assert report.channels.noisiest.variance_explained_percent < 95
    assert report.missed == (f"only {len(np.unique(found))} different values, where the reference has {COUNT}",)


def test_a_quantity_has_to_be_within_a_tenth_of_its_deviation() -> None:
    reference, noise = years(), np.random.default_rng(1).normal(0, 1, (COUNT, 1))
    assert compared(reference, reference + noise / 3, task="regression").missed == ()
    assert compared(reference, reference + noise).missed == ()
    (missed,) = compared(reference, reference + noise, task="regression").missed
    assert missed.endswith("dB about its mean is below 20 dB")


def test_classes_are_named_by_their_labels() -> None:
    reference = np.random.default_rng(0).standard_normal((COUNT, 3)).astype(np.float32)
    found = reference.copy()
    found[:, [1, 2]] = reference[:, [2, 1]]
    missed = compared(reference, found, labels=["daisy", "rose", "tulip"], task="classification").missed
    assert any(text.startswith("channels 1 (rose), 2 (tulip): SQNR") for text in missed)


def test_a_shift_within_the_noise_is_found() -> None:
    random = np.random.default_rng(0)
    reference = random.standard_normal((COUNT, 4)).astype(np.float32)
    noisy = reference + random.standard_normal((COUNT, 4)) * 0.15
    shifted = noisy + np.array([0, 0, 0.3, 0])
    assert compared(reference, noisy).missed == ()
    (missed,) = compared(reference, shifted, replace(BY, sqnr_db=None)).missed
    assert missed.startswith("channel 2: a systematic error of 0.2")
    assert "(offset +0.28, gain 1.01)" in missed


def test_a_dead_part_of_a_map_is_named() -> None:
    reference = np.random.default_rng(0).standard_normal((COUNT, 2, 8, 8)).astype(np.float32)
    found = reference.copy()
    found[:, :, 2, 4] = 0
    report = compared(reference, found)
    (missed,) = report.missed
    assert missed.startswith("1 of 64 positions: SQNR ")
    assert missed.endswith(" dB at [2, 4] is below 7 dB")
    assert report.channels is not None
    assert report.channels.position == (2, 4)


def test_equal_infinities_are_equal_and_new_ones_are_said() -> None:
    reference = np.random.default_rng(0).standard_normal((COUNT, 4)).astype(np.float32)
    reference[:, 1] = -np.inf
    assert compared(reference, reference.copy()).missed == ()
    found = reference.copy()
    found[0, 0] = np.nan
    assert compared(reference, found).missed[0] == f"1 of {4 * COUNT} values are infinite or NaN"


def test_equal_outputs_have_no_figure_in_decibels() -> None:
    report = compared(boxes_and_scores(), boxes_and_scores())
    assert (report.missed, report.sqnr_db) == ((), None)
    assert report.channels is not None
    assert (report.channels.noisiest.sqnr_db, report.channels.position_sqnr_db) == (None, None)


@pytest.mark.parametrize(
    ("right", "of", "at_most"), [(128, 128, 100), (31, 32, 99.84), (30, 32, 98.88), (120, 128, 96.87)]
)
def test_the_bound_of_a_share_is_that_of_clopper_and_pearson(right: int, of: int, at_most: float) -> None:
    from scipy.stats import binomtest

    assert metrics.at_most_percent(right, of) == pytest.approx(at_most, abs=0.05)
    if right < of:
        interval = binomtest(right, of).proportion_ci(0.9, "exact")
        assert metrics.at_most_percent(right, of) == pytest.approx(100 * interval.high)
