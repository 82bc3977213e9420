"""Metrics against values worked out by hand."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from ca_deploy.evaluation import metrics

REFERENCE = np.array([[3, 4], [0, 5]], np.float32)


def test_max_abs_error_is_the_largest_difference() -> None:
    assert metrics.max_abs_error(REFERENCE, REFERENCE + np.array([[0, -0.5], [0.25, 0]], np.float32)) == 0.5


def test_sqnr_is_ten_decibels_per_factor_of_ten_in_power() -> None:
    other = REFERENCE.copy()
    other[0, 0] += math.sqrt(50 / 1000)  # the signal's power is 9 + 16 + 25 = 50
    assert metrics.sqnr_db(REFERENCE, other) == pytest.approx(30, abs=1e-4)
    assert metrics.sqnr_db(REFERENCE, REFERENCE) == math.inf


def test_sqnr_of_a_broken_output_is_not_a_success() -> None:
    broken = np.full_like(REFERENCE, np.nan)
    assert not metrics.sqnr_db(REFERENCE, broken) >= 15
    assert not metrics.max_abs_error(REFERENCE, broken) <= 1e-4


def test_cosine_is_that_of_the_angle() -> None:
    assert metrics.cosine(REFERENCE, 2 * REFERENCE) == pytest.approx(1)
    assert metrics.cosine(REFERENCE, -REFERENCE) == pytest.approx(-1)
    assert metrics.cosine(np.array([[1, 0]], np.float32), np.array([[1, 1]], np.float32)) == pytest.approx(0.5**0.5)
    assert metrics.cosine(0 * REFERENCE, REFERENCE) == 0


@pytest.mark.parametrize(
    ("first", "second", "expected"), [(0, 0, 1), (5, 5, 1), (1, 0, 1), (0, 6, 2 / 64), (10, 0, 2 / 1024)]
)
def test_mcnemar_of_small_counts(first: int, second: int, expected: float) -> None:
    assert metrics.mcnemar_p(first, second) == pytest.approx(expected)


def test_mcnemar_is_twice_the_binomial_tail_and_symmetric() -> None:
    assert metrics.mcnemar_p(3, 12) == pytest.approx(2 * binom.cdf(3, 15, 0.5))
    assert metrics.mcnemar_p(12, 3) == metrics.mcnemar_p(3, 12)
