"""Preprocessings of every kind and the photos that go through them, for code in any language."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, product
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ca_deploy.data.images import open_rgb
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.tensors import TensorSpec
from tests.formats.inputs import CHANNELS, FITS, fed, preprocessing
from tests.formats.photos import OddPhoto


@dataclass(frozen=True, slots=True)
class OddCase:
    """``name`` is a legal identifier."""

    name: str
    preprocessing: Preprocessing
    photos: tuple[OddPhoto, ...]

    def wanted(self, photo: OddPhoto, taken: TensorSpec) -> NDArray[Any]:
        """The tensor that ca-deploy's own comparison feeds."""
        return fed(self.preprocessing, taken, self.preprocessing.to_pixels(open_rgb(photo.path)))


def odd_cases(photos: Sequence[OddPhoto]) -> list[OddCase]:
    """Every fit with all channels and ranges of values; where nothing is scaled, each photo is a case of its own."""
    kinds = list(product(CHANNELS, (1, 255)))
    cases = [
        OddCase(
            f"{fit}_{channels}_{value_range}", preprocessing(fit, channels, value_range, (24, 41), 27), tuple(photos)
        )
        for fit, (channels, value_range) in product(FITS, kinds)
        if fit != "none"
    ]
    for photo, (channels, value_range) in zip(photos, cycle(kinds), strict=False):
        size = open_rgb(photo.path).size[::-1]
        given = preprocessing("none", channels, value_range, size, min(size))
        cases.append(OddCase(f"none_{channels}_{value_range}_{photo.name}", given, (photo,)))
    return cases


@contextmanager
def rows_first() -> Iterator[None]:
    """Pillow scales every row before any column, as it did before version 13, and as the written code does.

    From then on the order depends on the shapes, which changes some pixels by one.
    """
    resize = Image.Image.resize

    def in_two_steps(image: Image.Image, size: Sequence[int], filter: Any, *box: Any) -> Image.Image:
        width, height = size
        if box:  # Pillow's own call for premultiplied colours, of one step
            return resize(image, (width, height), filter, *box)
        return resize(resize(image, (width, image.height), filter), (width, height), filter)

    with mock.patch.object(Image.Image, "resize", in_two_steps):
        yield


def units_apart(found: NDArray[Any], wanted: NDArray[Any], given: Preprocessing) -> float:
    """How many units in 255 of a channel two inputs differ at most, both ``(1, C, H, W)`` or ``(1, H, W, C)``."""
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    units = np.abs(found.astype(np.float64) - wanted)
    if wanted.dtype == np.float32:
        std = np.asarray(given.std)
        units *= given.divisor * (std[:, None, None] if wanted.shape[1] == given.depth else std)
    return float(units.max())


def faults(case: OddCase, taken: TensorSpec, found: Callable[[OddPhoto], NDArray[Any]]) -> list[str]:
    """Photos whose input is further than one unit in 255 from ca-deploy's own, or, where all decoders agree, not the
    same to the bit with Pillow's passes in the same order."""
    wrong = []
    for photo in case.photos:
        given = found(photo)
        with rows_first():
            same_order = case.wanted(photo, taken)
        if photo.exact and given.tobytes() != same_order.tobytes():
            wrong.append(f"{case.name} {photo.name}: other bits")
        if (units := units_apart(given, case.wanted(photo, taken), case.preprocessing)) > 1.001:
            wrong.append(f"{case.name} {photo.name}: {units} units in 255")
    return wrong
