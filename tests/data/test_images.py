"""Whatever kind of image file comes, the network sees upright 8-bit RGB, cropped and normalised as documented."""

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from ca_deploy.data.bit_depth import BY_THE_FILE, bit_depth
from ca_deploy.data.folders import images_below
from ca_deploy.data.images import hash_images, load_batch, open_rgb
from ca_deploy.errors import ImageDataError, UsageError
from ca_deploy.records.preprocessing import Preprocessing

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def saved(folder: Path, name: str, image: Image.Image, **options: Any) -> Path:
    path = folder / name
    image.save(path, **options)
    return path


def pixel(path: Path, x: int = 0, y: int = 0) -> tuple[int, ...]:
    image = open_rgb(path)
    assert image.mode == "RGB"
    value = image.getpixel((x, y))
    assert isinstance(value, tuple)
    return value


def near(found: tuple[int, ...], expected: tuple[int, int, int], off: int = 6) -> bool:
    return all(abs(f - e) <= off for f, e in zip(found, expected, strict=True))


def test_greyscale_gets_three_equal_channels(tmp_path: Path) -> None:
    assert pixel(saved(tmp_path, "a.png", Image.new("L", (4, 4), 77))) == (77, 77, 77)
    assert pixel(saved(tmp_path, "b.png", Image.new("1", (4, 4), 1))) == WHITE


def test_palette_and_gif_are_looked_up(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, *RED])
    assert pixel(saved(tmp_path, "a.png", image)) == RED
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, GREEN)]
    assert pixel(saved(tmp_path, "b.gif", frames[0], save_all=True, append_images=frames[1:])) == RED


def test_cmyk_jpeg_keeps_its_colours(tmp_path: Path) -> None:
    assert near(pixel(saved(tmp_path, "a.jpg", Image.new("CMYK", (16, 16), (0, 255, 255, 0)))), RED)


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (3, 1))
    for x, alpha in enumerate((0, 128, 255)):
        image.putpixel((x, 0), (*RED, alpha))
    path = saved(tmp_path, "a.png", image)
    assert [near(pixel(path, x), (255, level, level), 1) for x, level in enumerate((255, 127, 0))] == [True] * 3
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([*RED, *GREEN])
    assert pixel(saved(tmp_path, "b.gif", palette, transparency=0)) == WHITE
    assert pixel(saved(tmp_path, "c.png", Image.new("LA", (4, 4), (0, 0)))) == WHITE


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 16384, 65535]], np.uint16)
    path = saved(tmp_path, "a.png", Image.fromarray(values))
    assert [pixel(path, x)[0] for x in range(3)] == [0, 63, 255]


def test_a_dark_sixteen_bit_image_stays_dark(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.png", Image.fromarray(np.array([[0, 200]], np.uint16)))
    assert pixel(path, 1)[0] == 0


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    image = Image.new("RGB", (32, 16), GREEN)
    image.paste(RED, (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright: the left half becomes the top
    path = saved(tmp_path, "a.jpg", image, exif=exif, quality=95)
    assert open_rgb(path).size == (16, 32)
    assert near(pixel(path, 8, 4), RED)
    assert near(pixel(path, 8, 28), GREEN)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1)])
def test_one_pixel_is_enough(tmp_path: Path, size: tuple[int, int]) -> None:
    rgb = Preprocessing(36, 32).to_pixels(open_rgb(saved(tmp_path, "a.png", Image.new("RGB", size, RED))))
    assert rgb.shape == (32, 32, 3)
    assert (rgb == RED).all()


def damaged(folder: Path, kind: str) -> Path:
    path = folder / f"{kind.replace(' ', '_')}.png"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("not an image at all")
    else:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        content = saved(folder, path.name, Image.fromarray(noise)).read_bytes()
        path.write_bytes(content[: len(content) // 2])
    return path


@pytest.mark.parametrize("kind", ["empty", "text", "cut short"])
def test_unreadable_image_is_named(tmp_path: Path, kind: str) -> None:
    path = damaged(tmp_path, kind)
    with pytest.raises(ImageDataError) as error:
        open_rgb(path)
    assert str(path) in str(error.value)


def test_a_batch_goes_on_without_the_unreadable_and_names_them(tmp_path: Path) -> None:
    bad = damaged(tmp_path, "text")
    for level in range(4):
        saved(tmp_path, f"{level}.png", Image.new("L", (8, 8), level))
    batch, used, unreadable = load_batch(hash_images(images_below(tmp_path).paths, tmp_path), 9, Preprocessing(8, 8))
    assert (len(batch), batch.pixels.shape, used) == (4, (4, 8, 8, 3), 5)
    (complaint,) = unreadable
    assert complaint.startswith(f"Image {bad.name} cannot be read")
    assert sorted(batch.names) == ["0.png", "1.png", "2.png", "3.png"]


def test_images_are_found_below_a_folder_whatever_their_spelling(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.JPG", "deep/er/a.WebP", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in list(images_below(tmp_path).paths)] == ["b.JPG", "a.WebP"]
    with pytest.raises(ImageDataError, match="is a file"):
        list(images_below(tmp_path / "b.JPG").paths)


def ramp(width: int, height: int) -> NDArray[np.uint8]:
    """Every pixel has its own colour."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([x * 5 % 256, y * 5 % 256, (x + y) * 2 % 256], axis=-1).astype(np.uint8)


def test_without_resizing_the_very_centre_is_cut_out() -> None:
    pixels = ramp(50, 40)
    rgb = Preprocessing(40, 32).to_pixels(Image.fromarray(pixels))
    assert np.array_equal(rgb, pixels[4:36, 9:41])


@pytest.mark.parametrize("size", [(60, 90), (90, 60), (20, 30), (64, 64)])
def test_the_shorter_side_is_resized_smoothly_then_cropped(size: tuple[int, int]) -> None:
    width, height = size
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))
    resize, crop = 40, 32
    resized = torch.nn.functional.interpolate(
        torch.from_numpy(np.asarray(image, np.float32)).permute(2, 0, 1)[None],
        (height * resize // min(size), width * resize // min(size)),
        mode="bilinear",
        antialias=True,
    )[0].permute(1, 2, 0)
    top, left = (resized.shape[0] - crop) // 2, (resized.shape[1] - crop) // 2
    expected = resized[top : top + crop, left : left + crop].numpy()
    assert np.abs(Preprocessing(resize, crop).to_pixels(image) - expected).max() <= 1.5


def test_normalisation_is_per_channel_in_rgb_order() -> None:
    rgb = np.array([[[[255, 51, 0]]]], np.uint8)
    found = Preprocessing(1, 1, mean=(0.5, 0.1, 0.25), std=(0.5, 0.2, 0.5)).normalise(rgb)
    assert found.shape == (1, 3, 1, 1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.ravel(), [1, 0.5, -0.5], rtol=1e-6)


@pytest.mark.parametrize("wrong", [{"crop": 41}, {"crop": 0}, {"std": (1, 0, 1)}, {"mean": (0.5,)}])
def test_impossible_preprocessing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="Preprocessing"):
        Preprocessing(**{"resize": 40, "crop": 32, **wrong})


def test_pictures_of_very_many_pixels(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    """Pillow has no memory for a row of a hundred million; the chunks of zeros are never unpacked."""
    wide, huge = (
        _png_of_zeros(tmp_path / name, size) for name, size in (("w.png", (10**8, 1)), ("h.png", (10**5, 10**5)))
    )
    with pytest.raises(ImageDataError, match=r"w\.png"):
        open_rgb(wide)
    with pytest.raises(ImageDataError, match=r"h\.png has more than 179 million pixels"):
        open_rgb(huge)
    assert bit_depth([wide, huge]) == BY_THE_FILE
    assert not recwarn.list  # Pillow's own doubts would stand before the error


def _png_of_zeros(path: Path, size: tuple[int, int]) -> Path:
    header = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    written = (struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(written))
    return path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(ImageDataError, match=r"x\.png is a named pipe, not a regular file"):
        open_rgb(tmp_path / "x.png")
