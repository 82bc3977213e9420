"""Images that say little are counted: constant ones, and frames of one video. Different photos are not."""

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from ca_deploy.data.alike import image_doubts, likeness
from ca_deploy.data.calibration import load_calibration, load_spec
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.samples import Samples
from tests.samples import image_input, samples_of, signature_of

SIZE = 32
SIGNATURE = signature_of(Preprocessing(SIZE, SIZE))


def video(count: int, step: int = 1) -> NDArray[np.uint8]:
    """A camera that pans over a photo, with noise."""
    photo, random = skimage.data.astronaut(), np.random.default_rng(0)
    frames = []
    for number in range(count):
        left = 20 + step * number
        frame = photo[40:340, left : left + 300] + random.normal(0, 4, (300, 300, 3))
        frames.append(Image.fromarray(frame.clip(0, 255).astype(np.uint8)).resize((SIZE, SIZE)))
    return np.stack([np.asarray(frame) for frame in frames])


def photos() -> Samples:
    return load_calibration(load_spec("distilled_flowers5"), SIGNATURE).held_out


def doubts(pixels: NDArray[np.uint8]) -> tuple[str, ...]:
    return image_doubts(samples_of(pixels), SIGNATURE, "held-out")


def test_different_photos_are_not_doubted() -> None:
    assert image_doubts(photos(), SIGNATURE, "held-out") == ()


@pytest.mark.parametrize("step", [0, 1])
def test_frames_of_one_video_are_counted(step: int) -> None:
    (doubt,) = doubts(video(60, step))
    assert doubt.startswith("60 of the 60 held-out images are nearly identical to another one")


def test_a_few_pairs_are_in_any_folder_and_a_tenth_is_said() -> None:
    pixels = photos().arrays["image"][:60]
    assert doubts(np.concatenate([pixels, pixels[:2] + np.uint8(1)])) == ()
    (doubt,) = doubts(np.concatenate([pixels, video(12)]))
    assert doubt.startswith("12 of the 72 held-out images are nearly identical")


def test_black_frames_with_noise_are_constant_and_nothing_else() -> None:
    black = np.random.default_rng(0).integers(0, 4, (5, SIZE, SIZE, 3), np.uint8)
    (doubt,) = doubts(np.concatenate([photos().arrays["image"][:60], black]))
    assert doubt.startswith("5 of the 65 held-out images are nearly constant")


def test_images_that_are_normalised_already_are_seen_alike() -> None:
    preprocessing = SIGNATURE.photo_or_refuse("a test")
    (doubt,) = image_doubts(samples_of(preprocessing.normalise(video(20))), SIGNATURE, "calibration")
    assert doubt.startswith("20 of the 20 calibration images")
    black = preprocessing.normalise(np.zeros((4, SIZE, SIZE, 3), np.uint8))
    (doubt,) = image_doubts(samples_of(black), SIGNATURE, "calibration")
    assert doubt.startswith("4 of the 4 calibration images are nearly constant")


@pytest.mark.parametrize("size", [(1, 1), (5, 40), (16, 16), (33, 17)])
def test_any_number_and_size_of_images_is_looked_at(size: tuple[int, int]) -> None:
    taken = image_input(Preprocessing(min(size), size))
    pixels = np.random.default_rng(0).integers(0, 256, (3, *size, 3), np.uint8)
    for count in (0, 1, 3):
        seen = likeness(taken, pixels[:count])
        assert len(seen.constant) == count
        assert len(seen.nearest) == count - seen.constant.sum()
        assert seen.alike == 0
