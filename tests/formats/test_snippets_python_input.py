"""Generated Python makes of a photo, bit by bit, the input that ca-deploy's own comparison feeds."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ca_deploy.data.images import open_rgb
from ca_deploy.records.preprocessing import Channels, Fit, Preprocessing, Size
from ca_deploy.records.tensors import TensorSpec
from tests.formats.inputs import CHANNELS, FITS, fed, manifest_of, preprocessing, spec, specs
from tests.hostile import manifest, snippet

SIZES: list[tuple[Size, int]] = [(32, 32), (32, 37), ((24, 41), 27), ((40, 23), 23), ((3, 70), 4)]
SHAPES = [(50, 37), (33, 61), (32, 32), (3, 200), (301, 4), (1, 1), (7, 112)]


def noise(height: int, width: int, channels: int) -> NDArray[np.uint8]:
    return np.random.default_rng(height).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Of odd sizes and formats: strips, lying on its side by EXIF, transparent in two ways, grey in 8 and 16
    bits, grey in floats."""
    folder = tmp_path_factory.mktemp("photos")
    for height, width in SHAPES:
        Image.fromarray(noise(height, width, 3)).save(folder / f"{height}x{width}.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise(45, 71, 3)).save(folder / "lying.jpg", exif=exif)
    Image.fromarray(noise(45, 71, 4)).save(folder / "transparent.png")
    Image.fromarray(noise(39, 52, 3)).quantize(16).save(folder / "palette.png", transparency=3)
    Image.fromarray(noise(39, 53, 1)[..., 0]).save(folder / "grey.png")
    Image.fromarray(np.arange(0, 63000, 30, dtype=np.uint16).reshape(42, 50)).save(folder / "grey_16_bits.png")
    for white in (1, 255, 4095):
        values = np.linspace(0, white, 41 * 38, dtype=np.float32).reshape(41, 38)
        Image.fromarray(values).save(folder / f"floats_to_{white}.tif")
    return sorted(folder.iterdir())


def written(given: Preprocessing, taken: TensorSpec, folder: Path) -> Callable[[str], NDArray[Any]]:
    """``preprocess`` of the script, as a module that imports it would call it."""
    script = folder / "net.py"
    script.write_text(snippet(manifest_of("onnx_float32", given, taken), ".py"), encoding="utf-8")
    function: Callable[[str], NDArray[Any]] = runpy.run_path(str(script))["preprocess"]
    return function


def same(found: NDArray[Any], wanted: NDArray[Any]) -> bool:
    return found.dtype == wanted.dtype and found.shape == wanted.shape and found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("value_range", [1, 255])
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("fit", [fit for fit in FITS if fit != "none"])
def test_photos_of_any_size(fit: Fit, channels: Channels, value_range: int, photos: list[Path], tmp_path: Path) -> None:
    for size, resize in SIZES:
        given = preprocessing(fit, channels, value_range, size, resize)
        pixels = {photo: given.to_pixels(open_rgb(photo)) for photo in photos}
        for taken in specs(given):
            function = written(given, taken, tmp_path)
            for photo in photos:
                wanted = fed(given, taken, pixels[photo])
                assert same(function(str(photo)), wanted), f"{photo.name}, {size}, {taken}"
                assert wanted.shape == taken.shape


@pytest.mark.parametrize("value_range", [1, 255])
@pytest.mark.parametrize("channels", CHANNELS)
def test_images_that_have_the_size(channels: Channels, value_range: int, photos: list[Path], tmp_path: Path) -> None:
    for photo in photos:
        image = open_rgb(photo)
        given = preprocessing("none", channels, value_range, (image.height, image.width), min(image.size))
        for taken in specs(given):
            wanted = fed(given, taken, given.to_pixels(image))
            assert same(written(given, taken, tmp_path)(str(photo)), wanted), f"{photo.name}, {taken}"


def test_an_image_of_another_size_is_refused(photos: list[Path], tmp_path: Path) -> None:
    given = preprocessing("none", "RGB", 1, (50, 38), 38)
    photo = next(photo for photo in photos if photo.stem == "50x37")
    with pytest.raises(ValueError, match="is 50 x 37 px, and has to be 50 x 38 px"):
        written(given, spec(given, "float32", "NCHW"), tmp_path)(str(photo))


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [32, (24, 40)])
def test_a_script_has_the_constants_that_it_uses_and_no_others(fit: Fit, size: Size) -> None:
    given = preprocessing(fit, "RGB", 1, size, 27 if size != 32 else 36)
    for taken in specs(given):
        source = snippet(manifest_of("onnx_float32", given, taken), ".py")
        square = fit == "crop" and size == 32
        used = {
            "RESIZE, CROP = ": square,
            "HEIGHT, WIDTH = ": not square,
            "COVER_HEIGHT, COVER_WIDTH = ": fit == "crop" and not square,
            "PADDING = ": fit == "letterbox",
            "MEAN = ": taken.normalised,
            "STD = ": taken.normalised,
        }
        assert {name: f"\n{name}" in source for name in used} == used
        for name in ("RESIZE", "CROP", "HEIGHT", "WIDTH", "PADDING", "MEAN", "STD"):
            assert source.count(name) != 1


@pytest.mark.parametrize(("channels", "picture"), [("RGB", "tensor[0]"), ("grey", "tensor[0, ..., 0]")])
def test_core_ml_takes_a_picture_of_raw_pixels(channels: Channels, picture: str) -> None:
    given = preprocessing("crop", channels, 1, 32, 36)
    raw = snippet(manifest_of("coreml_float32", given, spec(given, "uint8", "NHWC")), ".py")
    assert f"'image': Image.fromarray({picture})" in raw
    assert "Image.fromarray(tensor" not in snippet(manifest("coreml_float32", "net", None), ".py")
