"""Compiled Kotlin feeds of a photo the very bytes that ca-deploy's own comparison feeds."""

import re
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ca_deploy.records.preprocessing import Channels, Fit, Preprocessing, Size
from ca_deploy.records.tensors import DType, TensorSpec
from tests import kotlin
from tests.formats import inputs
from tests.formats.inputs import CHANNELS, DTYPES, FITS, LAYOUTS, manifest_of, preprocessing, spec
from tests.formats.odd import rows_first
from tests.hostile import snippet
from tests.syntax_trees import take_apart

_TENSORS: dict[DType, str] = {
    "float32": "float32",
    "int8": "static_wi8_ai8_int8_io",
    "uint8": "static_wi8_ai8_uint8rgb_io",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A photo ``(height, width)`` on its way into a file."""

    photo: tuple[int, int]
    preprocessing: Preprocessing
    spec: TensorSpec
    holed: bool = False

    @property
    def source(self) -> str:
        format = "tflite" if self.spec.layout == "NHWC" else "onnx"
        return snippet(manifest_of(f"{format}_{_TENSORS[self.spec.dtype]}", self.preprocessing, self.spec), ".kt")

    @property
    def wanted(self) -> NDArray[Any]:
        pixels = self.preprocessing.to_pixels(photo(*self.photo, self.holed))
        return inputs.fed(self.preprocessing, self.spec, pixels)


def photo(height: int, width: int, holed: bool) -> Image.Image:
    """That of ``report.photo``, with transparent pixels blended with white."""
    y, x = np.indices((height, width))
    pixels = np.stack([2 * x, 2 * y, 255 - x - y], -1).astype(np.uint8)
    if holed:
        pixels.reshape(-1, 3)[::9] = 255
    return Image.fromarray(pixels)


def raw(size: tuple[int, int], fit: Fit, crop: Size, resize: int, holed: bool = False) -> Case:
    """As raw RGB, in which geometry is seen best."""
    given = preprocessing(fit, "RGB", 1, crop, resize)
    return Case(size, given, spec(given, "uint8", "NHWC"), holed)


def converted(channels: Channels, value_range: int, taken: tuple[DType, Any]) -> Case:
    given = preprocessing("none", channels, value_range, (19, 26), 19)
    return Case((19, 26), given, spec(given, *taken))


CASES = {
    "square": raw((39, 32), "crop", 32, 32),
    "centre_to_even": raw((24, 48), "crop", (24, 41), 24),
    "centre_below": raw((50, 31), "crop", (41, 31), 31),
    "stretch": raw((24, 41), "stretch", (24, 41), 24),
    "bars_above_and_below": raw((33, 45), "letterbox", (40, 45), 40),
    "bars_beside": raw((40, 26), "letterbox", (40, 45), 40),
    "holed": raw((24, 48), "crop", (24, 41), 24, holed=True),
    "holed_with_bars": raw((33, 45), "letterbox", (40, 45), 40, holed=True),
    "holed_as_it_is": raw((33, 45), "none", (33, 45), 33, holed=True),
    **{
        f"{channels}_{value_range}_{'_'.join(taken)}": converted(channels, value_range, taken)
        for channels, value_range, taken in product(CHANNELS, (1, 255), product(DTYPES, LAYOUTS))
    },
    "square_of_landscape": raw((97, 120), "crop", 32, 36),
    "square_of_portrait": raw((120, 97), "crop", 32, 36),
    "small_square": raw((120, 127), "crop", 12, 13),
    "wide_of_landscape": raw((110, 127), "crop", (24, 41), 27),
    "wide_of_portrait": raw((127, 110), "crop", (24, 41), 27),
    "tall_of_landscape": raw((110, 127), "crop", (41, 24), 27),
    "stretched": raw((64, 127), "stretch", (20, 33), 20),
    "stretched_taller": raw((64, 127), "stretch", (70, 33), 33),
    "wide_bars": raw((127, 60), "letterbox", (40, 45), 40),
    "low_bars": raw((100, 127), "letterbox", (40, 45), 40),
    "strip_in_bars": raw((3, 127), "letterbox", (40, 45), 40),
    "strip_of_strip": raw((3, 127), "crop", (2, 50), 2),
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Case -> the shape that the runtime was told and the bytes that it was fed, or the words of an error."""
    sources = {f"{case}.kt": f"package {case}\n{given.source}" for case, given in CASES.items()}
    sources["refusing.kt"] = f"package refusing\n{raw((20, 30), 'none', (20, 30), 20).source}"
    calls = []
    for case, given in CASES.items():
        (height, width), holed = given.photo, str(given.holed).lower()
        run = f"{{ app, photo -> {case}.Classifier(app).run(photo) }}"
        calls.append(f'report.reportInput("{case}", report.photo({width}, {height}, {holed})) {run}')
    other_size = "refusing.preprocess(report.photo(20, 30, false))"
    calls.append(
        f'try {{ {other_size} }} catch (error: IllegalArgumentException) {{ println("refusing ${{error.message}}") }}'
    )
    sources["main.kt"] = "fun main() {\n" + "\n".join(calls) + "\n}\n"
    lines = kotlin.compile_and_run(sources, tmp_path_factory.mktemp("kotlin"))
    return {case: rest for case, *rest in (line.split(" ") for line in lines)}


def fed(seen: dict[str, list[str]], case: str) -> NDArray[Any]:
    """The tensor; ONNX Runtime is told its shape, and TFLite has it in the file."""
    shape, content = seen[case]
    taken = CASES[case].spec
    assert shape == ("x".join(map(str, taken.shape)) if taken.layout == "NCHW" else "")
    return np.frombuffer(bytes.fromhex(content), taken.dtype).reshape(taken.shape)


@pytest.mark.parametrize("case", CASES)
def test_the_same_bytes_arrive(seen: dict[str, list[str]], case: str) -> None:
    with rows_first():
        assert fed(seen, case).tobytes() == CASES[case].wanted.tobytes()


def test_a_photo_of_another_size_is_refused(seen: dict[str, list[str]]) -> None:
    assert " ".join(seen["refusing"]) == "The photo has to be 20 x 30 px (height x width)."


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("channels", CHANNELS)
def test_a_file_has_what_it_uses_and_nothing_else(fit: Fit, channels: Channels) -> None:
    given = preprocessing(fit, channels, 1, (24, 41), 27)
    for taken in (spec(given, "float32", "NCHW"), spec(given, "uint8", "NHWC")):
        source = Case((24, 41), given, taken).source
        take_apart("kotlin", source)
        names = re.findall(r"^(?:import .*\.|private .*?(?:val|fun|class) )(\w+)", source, re.M)
        assert [name for name in names if len(re.findall(rf"\b{name}\b", source)) < 2] == []
        assert ("STD" in names) == taken.normalised
        assert ("PADDING" in names) == (fit == "letterbox")
        assert ("scaled" in names, "grey" in names) == (fit != "none", channels == "grey")
