"""The range that most values are in, from one pass."""

import numpy as np
import pytest

from ca_deploy.formats._tails import Tails


@pytest.mark.parametrize("beyond", [0.00005, 0.005, 0.2])
@pytest.mark.parametrize("side", [16, 400])
def test_the_range_is_that_of_all_values_sorted(beyond: float, side: int) -> None:
    """Of maps that are kept whole, and of ones of which samples are."""
    random = np.random.default_rng(0)
    maps = [random.normal(size=(1, 4, side, side)).astype(np.float32) ** 3 for _ in range(20)]
    tails = Tails(beyond, len(maps))
    for values in maps:
        tails.add(values)
    low, high = np.quantile(maps, [beyond, 1 - beyond])
    np.testing.assert_allclose(tails.range, (low, high), rtol=0.15)
    assert tails._highest._values.size < 50_000  # in bounded memory


def test_nothing_left_out_is_the_range_of_all_values() -> None:
    tails = Tails(0, 2)
    maps = [np.linspace(-1, 2, 999_999, dtype=np.float32), np.linspace(-4, 1, 999_999, dtype=np.float32)]
    for values in maps:
        tails.add(values)
    assert tails.range == (-4, 2)


def test_values_at_a_bound_are_no_tail() -> None:
    """ReLU6 gives many equal values at both ends."""
    tails = Tails(0.01, 50)
    random = np.random.default_rng(0)
    for _ in range(50):
        tails.add(np.clip(random.normal(3, 6, size=(1, 8, 64, 64)), 0, 6).astype(np.float32))
    assert tails.range == (0, 6)


@pytest.mark.parametrize("beyond", [0, 0.01])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_infinite_or_no_number_has_no_range(beyond: float, value: float) -> None:
    tails = Tails(beyond, 3)
    for number in range(3):
        tails.add(np.full((1, 4, 4), value if number == 1 else number, np.float32))
    assert np.isnan(tails.range).all()


@pytest.mark.parametrize("beyond", [0, 0.01])
def test_a_tensor_without_values_has_no_range(beyond: float) -> None:
    tails = Tails(beyond, 1)
    tails.add(np.empty((1, 0, 4), np.float32))
    assert np.isnan(tails.range).all()


def test_few_samples_of_many_images_visit_all_channels() -> None:
    tails = Tails(0.25, 2000)
    random = np.random.default_rng(0)
    gains = np.linspace(0.1, 3, 320, dtype=np.float32)[:, None, None]
    maps = [random.normal(size=(320, 7, 7)).astype(np.float32) * gains for _ in range(2000)]
    for values in maps:
        tails.add(values)
    np.testing.assert_allclose(tails.range, np.quantile(maps[::20], [0.25, 0.75]), rtol=0.05)
