"""Preprocessings and inputs of every kind, for code that is written from a manifest."""

from dataclasses import replace
from itertools import product
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from ca_deploy.evaluation.predictor import Predictor
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.preprocessing import CHANNEL_COUNT, Channels, Fit, Preprocessing, Size
from ca_deploy.records.tensors import DType, Layout, TensorSpec
from ca_deploy.tasks import find_task
from tests.hostile import manifest
from tests.samples import signature_of

FITS: tuple[Fit, ...] = get_args(Fit)
CHANNELS: tuple[Channels, ...] = get_args(Channels)
LAYOUTS: tuple[Layout, ...] = ("NCHW", "NHWC")
DTYPES: tuple[DType, ...] = ("float32", "int8", "uint8")


def preprocessing(fit: Fit, channels: Channels, value_range: int, size: Size, resize: int) -> Preprocessing:
    """With another mean, deviation and padding in every channel."""
    count, unit = CHANNEL_COUNT[channels], 1 if value_range == 1 else 255
    return Preprocessing(
        resize=resize,
        crop=size,
        mean=tuple(unit * mean for mean in (0.485, 0.456, 0.406, 0.1)[:count]),
        std=tuple(unit * std for std in (0.229, 0.224, 0.225, 0.9)[:count]),
        fit=fit,
        channels=channels,
        value_range=1 if value_range == 1 else 255,
        padding=(10, 114, 250),
    )


def spec(given: Preprocessing, dtype: DType, layout: Layout) -> TensorSpec:
    """int8 is quantised, so coarsely that some values are clipped; uint8 is raw."""
    shape = (given.depth, given.height, given.width) if layout == "NCHW" else (given.height, given.width, given.depth)
    scale, zero_point = (0.0125, -3) if dtype == "int8" else (None, None)
    return TensorSpec("image", (1, *shape), dtype, layout, scale, zero_point, normalised=dtype != "uint8")


def specs(given: Preprocessing) -> list[TensorSpec]:
    """Every type in either layout."""
    return [spec(given, dtype, layout) for dtype, layout in product(DTYPES, LAYOUTS)]


def manifest_of(recipe: str, given: Preprocessing, taken: TensorSpec) -> Manifest:
    """Of a file that takes ``taken``, whatever the recipe would make it take."""
    return replace(manifest(recipe, "net", ["daisy"]), signature=signature_of(given), inputs=(taken,))


def fed(given: Preprocessing, taken: TensorSpec, pixels: NDArray[np.uint8]) -> NDArray[Any]:
    """What ca-deploy's own comparison feeds for the pixels of one photo."""
    outputs = {"logits": TensorSpec("logits", (1, 5), "float32", "NC")}
    task, signature = find_task("classification"), signature_of(given)
    predictor = Predictor("net", None, signature, {"image": taken}, outputs, task)  # type: ignore[arg-type]
    return predictor.feeds({"image": pixels[None]})[taken.name]
