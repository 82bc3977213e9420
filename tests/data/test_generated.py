"""Sets without files: every photo of scikit-image is in one part, and each part shows several."""

import numpy as np
import pytest

from ca_deploy.data.calibration import load_calibration, load_spec
from ca_deploy.data.generated import CALIBRATION_PHOTOS, HELD_OUT_PHOTOS
from ca_deploy.records.preprocessing import Preprocessing
from tests.samples import signature_of


def test_a_photo_is_in_one_part_and_each_part_has_several() -> None:
    found = load_calibration(load_spec("scikit_image"), signature_of(Preprocessing(16, 16)))
    shown = [{name.partition(" ")[2] for name in part.names} for part in (found.calibration, found.held_out)]
    assert shown == [set(CALIBRATION_PHOTOS), set(HELD_OUT_PHOTOS)]
    assert not shown[0] & shown[1]
    assert min(map(len, shown)) >= 5


def test_both_parts_have_colour() -> None:
    found = load_calibration(load_spec("scikit_image"), signature_of(Preprocessing(16, 16)))
    for part in (found.calibration, found.held_out):
        spread = np.ptp(part.arrays["image"].astype(int), axis=-1).reshape(len(part), -1).max(axis=1)
        assert (spread > 20).sum() >= 40


@pytest.mark.parametrize(("name", "same"), [("scikit_image", True), ("random", False)])
def test_digests_of_photos_are_those_of_the_squares_and_not_of_the_scaled_ones(name: str, same: bool) -> None:
    small, large = (
        load_calibration(load_spec(name), signature_of(Preprocessing(size, size))).held_out for size in (8, 16)
    )
    assert (small.sha256 == large.sha256) == same
    assert small.names == large.names
