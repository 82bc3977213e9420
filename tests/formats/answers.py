"""Detectors and segmenters whose outputs for a photo are known, for written code that reads answers from them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ca_deploy.evaluation.predictor import answers_to_photo, network_predictor, to_float
from ca_deploy.networks.source import load
from ca_deploy.records.boxes import AnchorMap, BoxCoding, Suppression
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.model import ModelSource
from ca_deploy.records.preprocessing import Fit, Preprocessing
from ca_deploy.records.signature import Activation, NetworkOutput, Signature
from ca_deploy.records.tensors import Layout, TensorSpec
from ca_deploy.tasks import meaning_of
from ca_deploy.tasks._class_map import classes_in_photo
from tests.formats.inputs import FITS, preprocessing, spec
from tests.hostile import CANARY, TEXTS, manifest, payloads
from tests.samples import image_input

CARDS = Path(__file__).resolve().parents[3] / "shared" / "data" / "cards" / "val" / "IMG_2561.jpg"
WEIGHTS = Path(__file__).parents[1] / "assets" / "ssdlite320_mobilenet_v2_ca_cards6.safetensors"
DETECTORS = ("trained", "trained_int8", "offsets", "corners", "logits", "listed", *(f"yolo_{fit}" for fit in FITS))
SEGMENTERS = ("map_logits", "map_narrow", "map_alone", "map_sigmoid", "map_classes", "map_int64", "map_uint8")
_EVIL = [
    payloads(f'java.io.File("{CANARY}").createNewFile()')[0],
    payloads(f'java.io.File("{CANARY}").createNewFile()')[5],
    payloads(f'try! "".write(toFile: "{CANARY}", atomically: true, encoding: .utf8)')[6],
]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a network gave for a photo of ``size``, width and height.

    ``name`` is a legal identifier; ``is_integer``: the outputs are int8 in the file, each with a scale of its own.
    """

    name: str
    task: str
    signature: Signature
    values: Mapping[str, NDArray[Any]]
    size: tuple[int, int]
    labels: tuple[str, ...] | None = None
    is_integer: bool = False

    @property
    def photo(self) -> Preprocessing:
        return self.signature.photo_or_refuse(self.name)

    def manifest(self, format: str) -> Manifest:
        """Of a file that gives these values; in it, the name of each output ends in a dot."""
        layout: Layout = "NHWC" if format == "tflite" else "NCHW"
        return replace(
            manifest(f"{format}_float32", "net", self.labels),
            signature=self.signature,
            task=self.task,
            inputs=(spec(self.photo, "float32", layout),),
            outputs=tuple(self.stored.values()),
        )

    @property
    def stored(self) -> dict[str, TensorSpec]:
        found = {}
        for name, values in self.values.items():
            scale, dtype = (float(np.abs(values).max()) / 120, "int8") if self.is_integer else (None, values.dtype.name)
            zero_point = 5 if self.is_integer else None
            found[name] = TensorSpec(f"{name}.", values.shape, dtype, "other", scale, zero_point)  # type: ignore[arg-type]
        return found

    def in_file(self, name: str) -> NDArray[Any]:
        """An output as the file gives it."""
        values, one = self.values[name], self.stored[name]
        if one.scale is None:
            return values
        rounded: NDArray[np.int8] = np.clip(np.rint(values / one.scale) + 5, -128, 127).astype(np.int8)
        return rounded

    @property
    def read(self) -> dict[str, NDArray[np.float32]]:
        """The outputs as ca-deploy reads them."""
        return {name: to_float(self.in_file(name), one) for name, one in self.stored.items()}

    @property
    def boxes(self) -> list[tuple[float, float, float, float, float, str]]:
        """What ca-deploy's own task detects."""
        task = meaning_of(self.task, self.signature, self.labels).task
        assert task.seen is not None
        found = task.seen(self.read, self.signature, self.size, self.labels).boxes
        assert 0 < len(found) < 100  # that many it would cut off
        return [(one.left, one.top, one.right, one.bottom, one.score, one.label) for one in found]

    @property
    def classes(self) -> NDArray[np.int64]:
        """What ca-deploy's own task says of the photo's pixels."""
        (given,) = self.signature.outputs
        return classes_in_photo(self.read[given.name][0], self.photo, self.size, given.activation == "sigmoid")


@cache
def answered() -> dict[str, Answered]:
    """All, by their names, which are :data:`DETECTORS` and :data:`SEGMENTERS`."""
    known = _trained()
    cases = (known, replace(known, name="trained_int8", is_integer=True), *_detectors(), *_segmenters())
    return {case.name: case for case in cases}


def _trained() -> Answered:
    """The trained detector of cards and one of its photos; of noise, where these are not here."""
    network = network_predictor(load(ModelSource("ssdlite320_mobilenet_v2_ca", weights=WEIGHTS)))
    noise = np.random.default_rng(0).integers(0, 256, (448, 336, 3), np.uint8)
    image = Image.open(CARDS).convert("RGB") if CARDS.is_file() else Image.fromarray(noise)
    values = dict(answers_to_photo(network, image))
    if not CARDS.is_file():
        values["scores"][..., 1:] += 2  # or it would see nothing
    return Answered("trained", "detection", network.signature, values, image.size, network.labels)


def _detectors() -> Iterator[Answered]:
    def case(
        name: str, fit: Fit, size: tuple[int, int], coding: BoxCoding, values: Mapping[str, Any], labels: Any = None
    ) -> Answered:
        photo = preprocessing(fit, "RGB", 1, (48, 64), 50)
        outputs = tuple(NetworkOutput(one, array.shape) for one, array in values.items())
        return Answered(
            name, "detection", Signature((image_input(photo),), outputs, boxes=coding), values, size, labels
        )

    random = np.random.default_rng(1)
    anchors = tuple(AnchorMap(rows, 6, ((0.2, 0.4), (0.5, 0.3), (1e-05, 0.9))) for rows in (8, 3))
    hostile = {
        _EVIL[0]: random.normal(0, 4, (1, 198, 4)).astype(np.float32),  # boxes, since they come first
        "class": random.normal(-4, 2, (1, 198, 4)).astype(np.float32),
    }
    yield case(
        "offsets",
        "letterbox",
        (83, 150),
        BoxCoding(anchors=anchors, scores="sigmoid"),
        hostile,
        ("|".join(TEXTS), *_EVIL[:3]),
    )
    low, side = random.uniform(-0.2, 1, (1, 90, 2)), random.uniform(0, 0.4, (1, 90, 2))
    pair = {
        "scores": random.uniform(0, 0.5, (1, 90, 3)).astype(np.float32),
        "boxes": np.concatenate([low, low + side], -1).astype(np.float32),
    }
    yield case("corners", "crop", (7, 150), BoxCoding("corners", "parts", "probabilities"), pair, ("a", "b", "c"))
    yield case("logits", "stretch", (500, 20), BoxCoding("corners", "parts"), {**pair, "scores": 8 * pair["scores"]})
    names = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
    listed = (
        random.uniform(-0.1, 1.1, (1, 20, 4)),
        random.integers(0, 3, (1, 20)),
        np.linspace(0.9, 0, 20)[None],
        [12.0],
    )
    photo = preprocessing("letterbox", "RGB", 1, (48, 64), 50)
    values = {name: np.array(one, np.float32) for name, one in zip(names, listed, strict=True)}
    outputs = tuple(NetworkOutput(name, one.shape) for name, one in values.items())
    rule = Suppression("boxes", "scores", 3, most=20)
    signature = Signature((image_input(photo),), outputs, BoxCoding("corners", "parts", "probabilities"), rule)
    yield Answered("listed", "detection", signature, values, (83, 150), ("a", "b", "c"))
    centres = random.uniform(0, 64, (1, 4, 60))
    shares = random.integers(0, 7, (1, 5, 60)) / 16  # of which many are the same
    yolo = {"found": np.concatenate([centres, shares], 1).astype(np.float32)}
    for fit in FITS:
        size = (64, 48) if fit == "none" else (93, 41)
        yield case(f"yolo_{fit}", fit, size, BoxCoding("centres", "pixels", "probabilities"), yolo)


def _segmenters() -> Iterator[Answered]:
    def case(
        name: str, fit: Fit, size: tuple[int, int], values: NDArray[Any], activation: Activation = "none"
    ) -> Answered:
        photo = preprocessing(fit, "RGB", 1, (48, 64), 50)
        given = NetworkOutput("out", values.shape, values.dtype.name, activation)  # type: ignore[arg-type]
        return Answered(name, "segmentation", Signature((image_input(photo),), (given,)), {"out": values}, size)

    random = np.random.default_rng(2)
    yield case("map_logits", "stretch", (93, 41), random.normal(0, 1, (1, 5, 6, 8)).astype(np.float32))
    yield case("map_narrow", "letterbox", (41, 93), random.normal(0, 1, (1, 3, 1, 7)).astype(np.float32))
    yield case("map_alone", "crop", (7, 150), random.normal(0, 1, (1, 1, 48, 64)).astype(np.float32))
    yield case("map_sigmoid", "none", (64, 48), random.uniform(0, 1, (1, 1, 12, 16)).astype(np.float32), "sigmoid")
    yield case("map_classes", "crop", (93, 41), random.integers(0, 5, (1, 48, 64), np.int32))
    yield case("map_int64", "letterbox", (41, 93), random.integers(0, 5, (1, 48, 64), np.int64))
    yield case("map_uint8", "stretch", (41, 93), random.integers(0, 256, (1, 48, 64), np.uint8))


def as_boxes(printed: str, encoding: str) -> tuple[NDArray[np.float64], list[str]]:
    """Boxes and scores ``(n, 5)``, and labels, of what a program printed; labels as digits."""
    rows = [box.split(",") for box in printed.split(" ")]
    labels = [bytes.fromhex(row[5]).decode(encoding, "surrogatepass") for row in rows]
    return np.array([[float(one) for one in row[:5]] for row in rows]), labels


def example(page: str, language: str) -> str:
    """The first code of that language on a page of the documentation."""
    text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
    return text.partition(f"```{language}\n")[2].partition("```")[0]
