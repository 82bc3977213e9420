"""Each channel and each position is judged by its own spread, against values worked out by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ca_deploy.evaluation.channels import by_channel, channel_axis

COUNT = 128


def normal(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((COUNT, *shape)).astype(np.float32)


def detections(classes: int = 3, anchors: int = 40) -> NDArray[np.float32]:
    """``(N, 4 + classes, anchors)``: boxes to 640 beside scores, of which few are high."""
    random = np.random.default_rng(1)
    boxes = random.uniform(0, 640, (COUNT, 4, anchors))
    scores = 1 / (1 + np.exp(-random.normal(-4, 2, (COUNT, classes, anchors))))
    return np.concatenate([boxes, scores], 1).astype(np.float32)


@pytest.mark.parametrize(
    ("values", "axis"),
    [
        (normal(5), 1),
        (detections(), 1),
        (detections().transpose(0, 2, 1), 2),
        (detections().reshape(COUNT, 7, 5, 8), 1),
        (detections().reshape(COUNT, 7, 5, 8).transpose(0, 2, 3, 1), 3),
        (normal(1, 9, 9), 1),
        (normal(9, 4), 1),
    ],
)
def test_channels_are_where_values_differ_in_kind(values: NDArray[np.float32], axis: int) -> None:
    assert channel_axis(values) == axis


def test_noise_is_compared_with_the_variance_and_not_with_an_offset() -> None:
    reference = normal(2) * 4 + 1990
    noise = normal(2, seed=2)
    found = by_channel(reference, reference + noise)
    for number, one in enumerate(found.channels):
        expected = 10 * np.log10(reference[:, number].var() / np.square(noise[:, number]).mean())
        assert one.sqnr_db == pytest.approx(expected, abs=0.01)
        assert one.systematic == 0


def test_scores_that_boxes_drown_are_found() -> None:
    reference = detections()
    found = reference.copy()
    found[:, 4:] = np.where(found[:, 4:] > 0.5, 1, 0)
    figures = by_channel(reference, found)
    assert [one.sqnr_db > 100 for one in figures.channels] == [True] * 4 + [False] * 3
    assert all(one.values == 2 and one.reference_values > 2000 for one in figures.channels[4:])


def test_an_offset_and_a_gain_are_systematic_and_noise_is_not() -> None:
    reference = normal(3)
    found = reference * [1, 1, 0.7] + [0, 0.3, 0] + normal(3, seed=3) * [0.3, 0, 0]
    noisy, shifted, shrunk = by_channel(reference, found.astype(np.float32)).channels
    assert noisy.systematic < 0.05
    assert (shifted.offset, shifted.systematic) == pytest.approx((0.3, 0.3), rel=0.1)
    assert (shrunk.gain, shrunk.systematic) == pytest.approx((0.7, 0.3), rel=0.1)


def test_what_few_samples_cannot_tell_is_not_systematic() -> None:
    reference, noise = normal(1)[:16], normal(1, seed=4)[:16]
    assert by_channel(reference, reference + noise / 2).channels[0].systematic < 0.05


def test_a_constant_channel_is_judged_by_the_spread_of_others() -> None:
    reference = np.concatenate([normal(1) / 10, np.full((COUNT, 1), 3, np.float32)], 1)
    exact, off = (
        by_channel(reference, reference + np.array([0, error], np.float32)).channels[1] for error in (1e-7, 0.05)
    )
    assert exact.constant
    assert exact.sqnr_db == np.inf
    assert off.sqnr_db == pytest.approx(20 * np.log10(0.1 / 0.05), abs=1)


def test_where_all_is_constant_a_share_of_the_value_is_allowed() -> None:
    reference = np.full((COUNT, 2), 5, np.float32)
    (same, other) = by_channel(reference, reference + np.array([0, 1], np.float32)).channels
    assert same.sqnr_db == np.inf
    assert other.sqnr_db == pytest.approx(20 * np.log10(5))


def test_a_weak_channel_counts_by_all_where_they_compete() -> None:
    reference = normal(4) * [1, 1, 1, 0.001]
    found = reference + normal(4, seed=5) * 0.02
    alone, together = (by_channel(reference.astype(np.float32), found, like).channels[3] for like in (False, True))
    assert alone.sqnr_db < 0
    assert together.sqnr_db > 9
    assert together.reference_values == 0  # not counted


def test_a_dead_position_is_found_where_its_channel_is_not() -> None:
    reference = normal(3, 10, 10)
    found = reference + normal(3, 10, 10, seed=6) * 0.05
    found[:, :, 9, 3:5] = 0
    figures = by_channel(reference, found)
    assert all(one.sqnr_db > 15 for one in figures.channels)
    assert figures.position_sqnr_db[9, 3] == pytest.approx(0, abs=0.5)
    assert figures.position_sqnr_db[5, 5] > 20


def test_rounding_of_float32_is_no_error() -> None:
    reference = normal(1) / 1000 + 1990
    assert by_channel(reference, reference + np.float32(1e-4)).channels[0].sqnr_db == np.inf


def test_nan_is_never_good() -> None:
    reference = normal(2)
    found = reference.copy()
    found[3, 1] = np.nan
    assert [np.isnan(one.sqnr_db) for one in by_channel(reference, found).channels] == [False, True]
