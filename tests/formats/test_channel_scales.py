"""Which channels of a tensor one integer scale destroys."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ca_deploy.formats._channel_scales import FEWEST_STEPS, ChannelScales, Narrow
from ca_deploy.records.recipe import FLOOR_SQNR_DB

RANDOM = np.random.default_rng(0)


def narrow(*values: NDArray[np.float64], bits: int = 8) -> Narrow | None:
    """After one call of ``add`` per array."""
    scales = ChannelScales()
    for value in values:
        scales.add(value.astype(np.float32))
    return scales.narrow(bits)


def boxes_beside_scores(count: int) -> NDArray[np.float64]:
    """``(count, 7, 50)``: four channels of pixels, three of scores."""
    return np.concatenate([RANDOM.uniform(0, 320, (count, 4, 50)), RANDOM.uniform(0, 1, (count, 3, 50))], 1)


@pytest.mark.parametrize("axis", [1, 2])
def test_scores_beside_boxes_are_narrow_wherever_the_channels_are(axis: int) -> None:
    found = narrow(*np.split(np.moveaxis(boxes_beside_scores(8), 1, axis), 8))
    assert found is not None
    assert found.channels == (4, 5, 6)
    assert found.count == 7
    assert found.fewest == pytest.approx(np.sqrt(1 / 12) / (320 / 255), rel=0.1)
    assert found.most == pytest.approx(255 * np.sqrt(1 / 12), rel=0.1)
    assert str(found).startswith("channels 4-6 of 7 deviate by as little as 0.2")
    assert "of the 255 steps of an INT8 scale, and the widest channel by 7" in str(found)


def test_one_channel_far_from_zero_is_narrow() -> None:
    found = narrow(*RANDOM.normal(1990, 4, (64, 1, 1)))
    assert found is not None
    assert str(found) == (
        f"its values, {found.mean:.4g} ± {found.deviation:.2g}, deviate by {found.fewest:.2g} of the 255 steps of an "
        "INT8 scale"
    )


def test_rounding_leaves_the_floor_of_recipes_at_the_limit() -> None:
    values = RANDOM.normal(0, 1, 100_000)
    step = 1 / FEWEST_STEPS
    error = np.round(values / step) * step - values
    assert -20 * np.log10(error.std()) == pytest.approx(FLOOR_SQNR_DB, abs=0.2)


def test_int16_holds_what_int8_does_not() -> None:
    years, seconds = RANDOM.normal(1990, 4, (64, 1)), RANDOM.normal(1.7e6, 4, (64, 1))
    assert narrow(years) is not None
    assert narrow(years, bits=16) is None
    found = narrow(seconds, bits=16)
    assert found is not None
    assert "of the 65535 steps of an INT16 scale" in str(found)


@pytest.mark.parametrize(
    ("what", "values"),
    [
        ("logits", RANDOM.normal(-3, 2, (64, 1000))),
        ("an embedding", RANDOM.normal(0, 1, (64, 128)) * RANDOM.uniform(0.3, 1, 128)),
        ("a map of logits", RANDOM.normal(0, 3, (4, 5, 32, 32))),
        ("a map with a dark border", np.pad(RANDOM.uniform(0, 1, (4, 1, 30, 30)), [(0, 0), (0, 0), (1, 1), (1, 1)])),
        ("a constant channel", np.stack([RANDOM.normal(0, 100, 64), np.full(64, 0.3)], 1)),
        ("nothing but a constant", np.full((8, 3), 7.0)),
        ("zeros", np.zeros((8, 3))),
        ("no values", np.zeros((0, 3))),
        ("one number per sample", RANDOM.normal(0, 1, 64)),
    ],
)
def test_others_are_not(what: str, values: NDArray[np.float64]) -> None:
    assert narrow(values) is None, what


def test_scattered_channels_are_counted() -> None:
    values = RANDOM.normal(0, 100, (64, 20))
    values[:, ::2] /= 1000
    assert str(narrow(values)).startswith("channels 0, 2, 4, 6 and 6 more of 20 deviate")
    values[:, 2::2] *= 1000
    assert str(narrow(values)).startswith("channel 0 of 20 deviates by 0.")
