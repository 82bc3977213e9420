"""Statistics of inference times."""

import numpy as np
import pytest

from ca_deploy.latency.statistics import ratio_of_medians, summarise


def times(median_ms: float, starts: int = 3, n: int = 60, seed: int = 0, spread: float = 0.05) -> list[list[int]]:
    random = np.random.default_rng(seed)
    return [[int(t) for t in 1e6 * median_ms * random.lognormal(0, spread, n)] for _ in range(starts)]


def test_a_summary_keeps_outliers_and_has_no_p99_of_few() -> None:
    samples = [1_000_000] * 98 + [9_000_000]
    few = summarise(samples)
    assert (few.n, few.median_ms, few.min_ms, few.max_ms, few.p99_ms) == (99, 1.0, 1.0, 9.0, None)
    assert few.mean_ms == pytest.approx(1 + 8 / 99)
    many = summarise([*samples, 9_000_000])
    assert many.p99_ms == pytest.approx(9.0)
    assert summarise([5]).std_ms == 0


def test_a_clear_difference_is_found_with_its_size() -> None:
    found = ratio_of_medians(times(10), times(20, seed=1))
    assert found.verdict == "faster"
    assert found.low < 0.5 < found.high
    assert found.ratio == pytest.approx(0.5, rel=0.05)
    assert ratio_of_medians(times(20), times(10, seed=1)).verdict == "slower"


def test_equal_files_show_no_difference() -> None:
    found = ratio_of_medians(times(10), times(10, seed=1))
    assert found.verdict == "no difference"
    assert found.low <= 1 <= found.high


def test_process_starts_that_differ_widen_the_interval() -> None:
    """Three hundred samples of one unlucky process are still one process."""
    steady, jumpy = times(10, n=100), [*times(10, 2, 100), *times(14, 1, 100, seed=3)]
    narrow = ratio_of_medians(times(10, n=100, seed=4), steady)
    wide = ratio_of_medians(jumpy, steady)
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)
    assert wide.verdict == "no difference"


def test_pairs_cancel_what_slowed_both_down() -> None:
    moments = (1.0, 1.5, 2.2)
    first, second = ([times(ms * m, 1, seed=s)[0] for m in moments] for ms, s in ((10, 1), (11, 2)))
    assert ratio_of_medians(first, second, paired=True).verdict == "faster"
    assert ratio_of_medians(first, second).verdict == "no difference"


def test_the_same_seed_gives_the_same_interval() -> None:
    assert ratio_of_medians(times(10), times(11), seed=5) == ratio_of_medians(times(10), times(11), seed=5)
