"""Photos of more than 8 bits get the brightness that they have, whatever range their files use."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ca_deploy.data.bit_depth import BitDepth, bit_depth
from ca_deploy.data.calibration import load_calibration, load_spec
from ca_deploy.data.images import open_rgb
from ca_deploy.records.preprocessing import Preprocessing
from tests.samples import signature_of


def ramp(number: int) -> NDArray[np.float64]:
    """Values in 0..1; the first image is white somewhere, the others are darker."""
    return np.linspace(0, 1 - number / 100, 64).reshape(8, 8)


def saved(folder: Path, white: float, count: int = 70) -> list[Path]:
    paths = []
    for number in range(count):
        values = ramp(number % 50) * white
        image = Image.fromarray(values.astype(np.float32 if white == 1 else np.uint16))
        paths.append(folder / f"{number:02d}.{'tif' if white == 1 else 'png'}")
        image.save(paths[-1])
    return paths


@pytest.mark.parametrize("white", [1.0, 1023.0, 4095.0, 16383.0, 65535.0])
def test_a_set_is_read_by_the_range_that_it_uses(tmp_path: Path, white: float) -> None:
    paths = saved(tmp_path, white)
    depth = bit_depth(paths)
    for number in (0, 30):
        found = np.asarray(open_rgb(paths[number], depth))[..., 0]
        assert np.abs(found - ramp(number) * 255).max() <= 1.5  # both are cut down to whole numbers
    assert ("taken for white" in depth.note) == (white != 65535)


def test_calibration_says_it(tmp_path: Path) -> None:
    saved(tmp_path, 4095.0)
    found = load_calibration(load_spec(str(tmp_path)), signature_of(Preprocessing(8, 8)))
    (name,) = found.calibration.arrays
    assert found.calibration.arrays[name].max() > 120
    assert any("integers up to 4095" in warning for warning in found.warnings)


def test_few_files_may_all_be_dark(tmp_path: Path) -> None:
    assert bit_depth(saved(tmp_path, 900.0, count=7)) == BitDepth()


def test_eight_bits_are_left_alone(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), (9, 9, 9)).save(tmp_path / "a.png")
    assert bit_depth([tmp_path / "a.png"] * 20) == BitDepth()
    assert open_rgb(tmp_path / "a.png", BitDepth(integers=4095.0)).getpixel((0, 0)) == (9, 9, 9)
