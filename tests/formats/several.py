"""Manifests of files with several inputs and outputs, whatever these are called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ca_deploy.evaluation.predictor import Predictor
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.signature import NetworkInput, NetworkOutput, Signature
from ca_deploy.records.tensors import DType, TensorSpec
from ca_deploy.tasks import find_task
from tests.formats.inputs import preprocessing, spec
from tests.hostile import manifest

PLAIN = ("image", "state", "mask", "tokens", "logits", "classes")


@dataclass(frozen=True, slots=True)
class Kind:
    """A format's recipe, how many samples its files take at once, and whether images and real numbers are int8."""

    recipe: str
    batch: int = 1

    @property
    def format(self) -> str:
        return self.recipe.partition("_")[0]

    @property
    def is_integer(self) -> bool:
        return self.recipe.endswith("int8_io")


KOTLIN = {
    "onnx": Kind("onnx_float32"),
    "tflite": Kind("tflite_float32"),
    "onnx_int8": Kind("onnx_static_wi8_ai8_int8_io"),
    "tflite_int8": Kind("tflite_static_wi8_ai8_int8_io"),
    "onnx_batch": Kind("onnx_float32", 3),
    "tflite_batch": Kind("tflite_static_wi8_ai8_int8_io", 3),
}
SWIFT = {"coreml": Kind("coreml_float32"), "coreml_batch": Kind("coreml_float32", 3)}


def several(kind: Kind, names: Sequence[str] = PLAIN) -> Manifest:
    """Two images of different sizes and channels, a vector and integers in; real numbers and integers out.

    They have the first four ``names``, and the other two; in the file, each name ends in a dot.
    """
    index: DType = "int64" if kind.format == "onnx" else "int32"
    layout, real = ("NHWC" if kind.format == "tflite" else "NCHW"), "int8" if kind.is_integer else "float32"
    image, mask = preprocessing("none", "RGB", 1, (6, 8), 6), preprocessing("none", "grey", 255, (5, 4), 4)
    scale, zero_point = (0.05, 7) if kind.is_integer else (None, None)

    def file_input(place: int, made: TensorSpec) -> TensorSpec:
        return replace(made, name=f"{names[place]}.", shape=(kind.batch, *made.shape[1:]))

    return replace(
        manifest(kind.recipe, "net", None),
        signature=Signature(
            (
                NetworkInput(names[0], (1, 3, 6, 8), preprocessing=image),
                NetworkInput(names[1], (1, 5)),
                NetworkInput(names[2], (1, 1, 5, 4), preprocessing=mask),
                NetworkInput(names[3], (1, 2, 3), "int64"),
            ),
            (NetworkOutput(names[4], (1, 5), activation="softmax"), NetworkOutput(names[5], (1, 2, 3), "int64")),
        ),
        inputs=(
            file_input(0, spec(image, real, layout)),  # type: ignore[arg-type]
            file_input(1, TensorSpec("", (1, 5), real, "other", scale, zero_point)),  # type: ignore[arg-type]
            file_input(2, spec(mask, real, layout)),  # type: ignore[arg-type]
            file_input(3, TensorSpec("", (1, 2, 3), index, "other")),
        ),
        outputs=(
            TensorSpec(f"{names[4]}.", (kind.batch, 5), real, "NC", scale, zero_point),  # type: ignore[arg-type]
            TensorSpec(f"{names[5]}.", (kind.batch, 2, 3), index, "other"),
        ),
    )


def batch_of(given: Manifest) -> int:
    return given.inputs[0].shape[0]


def state(given: Manifest) -> NDArray[np.float32]:
    """So wide that int8 clips some values."""
    return np.linspace(-9, 9, 5 * batch_of(given), dtype=np.float32).reshape(-1, 5)


def tokens(given: Manifest) -> NDArray[np.int64]:
    return np.arange(6 * batch_of(given), dtype=np.int64).reshape(-1, 2, 3) * 1000 - 500


def fed(given: Manifest, photo: Callable[[int, int], Image.Image]) -> dict[str, NDArray[Any]]:
    """What ca-deploy's own comparison feeds of photos ``photo(width, height)``, by the file's names."""
    taken = given.signature.inputs
    assert taken[0].preprocessing is not None
    assert taken[2].preprocessing is not None
    arrays = (
        np.stack([taken[0].preprocessing.to_pixels(photo(8, 6))] * batch_of(given)),
        state(given),
        np.stack([taken[2].preprocessing.to_pixels(photo(4, 5))] * batch_of(given)),
        tokens(given),
    )
    names = [one.name for one in taken]
    inputs = dict(zip(names, given.inputs, strict=True))
    predictor = Predictor("net", None, given.signature, inputs, {}, find_task("tensors"))  # type: ignore[arg-type]
    return predictor.feeds(dict(zip(names, arrays, strict=True)))
