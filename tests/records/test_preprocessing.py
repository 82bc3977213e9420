"""Photos of any size become inputs of any size."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from ca_deploy.errors import UsageError
from ca_deploy.records.preprocessing import Fit, Preprocessing, one_per_channel, rgb_of

MEAN, STD = (0.1, 0.2, 0.3), (0.5, 0.25, 2.0)


def photo(height: int, width: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("size", [(40, 30), (30, 40), (21, 300), (57, 83)])
@pytest.mark.parametrize("crop", [16, (16, 24), (25, 9)])
def test_a_crop_covers_the_input_and_keeps_the_aspect(size: tuple[int, int], crop: int | tuple[int, int]) -> None:
    how = Preprocessing(20 if crop == 16 else 28, crop)
    pixels = how.to_pixels(photo(*size))
    assert pixels.shape == (how.height, how.width, 3)
    flat = Image.new("RGB", (size[1], size[0]), (10, 20, 30))
    assert (how.to_pixels(flat) == (10, 20, 30)).all()  # nothing from outside of the photo


def test_a_square_is_torchvisions_evaluation_transform() -> None:
    image = photo(37, 59)
    shorter = image.resize((59 * 20 // 37, 20), Image.Resampling.BILINEAR)
    left = round((shorter.width - 16) / 2)
    assert np.array_equal(Preprocessing(20, 16).to_pixels(image), np.asarray(shorter.crop((left, 2, left + 16, 18))))


def test_stretch_letterbox_and_none() -> None:
    image = photo(20, 40)
    stretched = Preprocessing(16, (16, 24), fit="stretch").to_pixels(image)
    assert np.array_equal(stretched, np.asarray(image.resize((24, 16), Image.Resampling.BILINEAR)))
    boxed = Preprocessing(16, (16, 24), fit="letterbox", padding=(1, 2, 3)).to_pixels(image)
    assert (boxed[[0, 1, 14, 15]] == (1, 2, 3)).all()
    assert np.array_equal(boxed[2:14], np.asarray(image.resize((24, 12), Image.Resampling.BILINEAR)))
    exact = Preprocessing(20, (20, 40), fit="none")
    assert np.array_equal(exact.to_pixels(image), np.asarray(image))
    with pytest.raises(UsageError, match=r"have to be 20x40 px.*one is 40x20"):
        exact.to_pixels(photo(40, 20))


@pytest.mark.parametrize("fit", ["crop", "letterbox"])
def test_of_a_strip_the_centre_is_kept_pixel_by_pixel(fit: Fit) -> None:
    image = photo(3, 1001)
    how = Preprocessing(32, 32, fit=fit)
    assert np.array_equal(how.to_pixels(image), how.to_pixels(image.crop((476, 0, 524, 3))))


def test_channels_are_the_networks() -> None:
    image = photo(16, 16)
    rgb = np.asarray(image)
    assert np.array_equal(Preprocessing(16, 16, channels="BGR").to_pixels(image), rgb[..., ::-1])
    grey = Preprocessing(16, 16, (0.5,), (0.5,), channels="grey").to_pixels(image)
    assert np.array_equal(grey[..., 0], np.asarray(image.convert("L")))
    four = Preprocessing(16, 16, (*MEAN, 0.0), (*STD, 1.0), channels="RGBA").to_pixels(image)
    assert np.array_equal(four[..., :3], rgb)
    assert (four[..., 3] == 255).all()


@pytest.mark.parametrize(("value_range", "divisor"), [(1, 255), (255, 1)])
def test_values_are_scaled_and_normalised_per_channel(value_range: int, divisor: int) -> None:
    how = Preprocessing(8, (8, 12), MEAN, STD, value_range=value_range)  # type: ignore[arg-type]
    pixels = how.to_pixels(photo(8, 12))
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (MEAN, STD))
    expected = (torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1) / divisor - mean) / std
    assert functional.mse_loss(torch.from_numpy(how.normalise(pixels)), expected) < 1e-10


@pytest.mark.parametrize("channels", ["RGB", "BGR", "RGBA"])
def test_three_numbers_of_r_g_and_b_serve_all_channels(channels: str) -> None:
    assert rgb_of(one_per_channel(MEAN, channels, 0.0), channels) == MEAN  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"resize": 8, "crop": (16, 24)}, "--crop 16x24 does not fit"),
        ({"resize": 8, "crop": 0}, "--crop 0x0"),
        ({"resize": 8, "crop": 8, "channels": "grey"}, "one finite number for each of the 1 channels"),
        ({"resize": 8, "crop": 8, "std": (0.0, 1.0, 1.0)}, "std is positive"),
        ({"resize": 8, "crop": 8, "padding": (0, 0, 256)}, "--padding is a colour"),
        ({"resize": 8, "crop": 8, "fit": "squeeze"}, "'squeeze' is unknown. One of: crop, stretch, letterbox, none"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Preprocessing(**values)  # type: ignore[arg-type]
