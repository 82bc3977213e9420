"""Boxes decoded in the graph are those that numpy decodes from the raw outputs of the same format."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import ca_deploy
from ca_deploy.errors import ModelError
from ca_deploy.evaluation.predictor import Outputs, file_predictor, open_predictor
from ca_deploy.formats import find_format
from ca_deploy.networks.head import with_head
from ca_deploy.networks.source import Network, load, source_of_object
from ca_deploy.recipes import load_recipe
from ca_deploy.records.boxes import AnchorMap, BoxCoding
from ca_deploy.records.model import ModelSource
from ca_deploy.records.preprocessing import Fit, Preprocessing
from ca_deploy.records.samples import Samples
from ca_deploy.runtimes import open_session
from ca_deploy.tasks._detector import Detector, detector_of
from ca_deploy.tasks._placement_python import placement
from tests.formats.kit import export

SIZE = 64


class TwoMaps(nn.Module):
    """Two maps with two anchors in a cell, as of SSD, and two classes; anchors and stretched images of 64 px."""

    box_coding = BoxCoding(anchors=tuple(AnchorMap(n, n, ((0.2, 0.4), (0.5, 0.3))) for n in (8, 4)))

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.stem, self.down = nn.Conv2d(3, 8, 8, 8), nn.Conv2d(8, 8, 2, 2)
            self.heads = nn.ModuleList(nn.Conv2d(8, 2 * values, 1) for values in (4, 3))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        maps = [self.stem(x).relu()]
        maps.append(self.down(maps[0]).relu())
        found = [
            torch.cat([head(one).permute(0, 2, 3, 1).reshape(len(x), -1, values) for one in maps], 1)
            for head, values in zip(self.heads, (4, 3), strict=True)
        ]
        return {"boxes": 4 * found[0], "scores": 4 * found[1]}


def network(head: str | None) -> Network:
    module = TwoMaps()
    source = ModelSource(input_size=SIZE, fit="stretch", mean=(0.5,) * 3, std=(0.25,) * 3, head=head)
    return load(source_of_object(module, source), module)


def answers(found: Network, recipe_name: str, folder: Path) -> tuple[Outputs, Detector]:
    recipe = load_recipe(recipe_name)
    path = folder / f"{found.head}{find_format(recipe.format).suffix}"
    done = export(found, recipe, path)
    predictor = file_predictor(
        path.name, open_session(path), done.inputs, done.outputs, found.signature, found.task, None
    )
    pixels = np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 3), np.uint8)
    detector = detector_of(found.signature)
    assert isinstance(detector, Detector)
    return predictor.run(Samples({found.signature.inputs[0].name: pixels}, ("",) * 4)), detector


@pytest.mark.parametrize("recipe", ["onnx_float32", "tflite_float32", "coreml_float32"])
def test_decoding_in_the_graph_and_in_numpy_agree(recipe: str, tmp_path: Path) -> None:
    raw, coded = answers(network("raw"), recipe, tmp_path)
    found, plain = answers(network("boxes"), recipe, tmp_path)
    boxes, scores = coded.read(raw)
    assert np.ptp(boxes) * SIZE > 30
    assert np.abs(found["boxes"] - boxes).max() * SIZE < 1e-4
    assert np.abs(found["scores"] - scores).max() < 1e-5
    assert plain.read(found)[0] is found["boxes"]


def test_a_head_is_read_as_what_it_gives() -> None:
    raw, boxes = network("raw"), network("boxes")
    assert raw.signature.boxes == TwoMaps.box_coding
    assert boxes.signature.boxes == BoxCoding("corners", "parts", "probabilities")
    assert [one.shape for one in boxes.signature.outputs] == [(1, 160, 4), (1, 160, 2)]
    assert raw.task.agrees is not None
    assert boxes.task.agrees is not None


def test_one_tensor_of_yolo_is_decoded_too() -> None:
    class Yolo(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 6, 8, 8)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.conv(x).flatten(2).abs() * 10
            return found

    module = Yolo().eval()
    source = ModelSource(input_size=SIZE, fit="letterbox", mean=(0.5,) * 3, std=(0.25,) * 3, task="detection")
    plain = load(source_of_object(module, source), module)
    headed = load(source_of_object(module, replace(source, head="boxes")), module)
    image = torch.randn(1, 3, SIZE, SIZE)
    with torch.inference_mode():
        expected = detector_of(plain.signature).read({"detections": plain.module(image).numpy()})  # type: ignore[union-attr]
        given = headed.module(image)
    assert given[0].numpy() == pytest.approx(expected[0], abs=1e-6)
    assert given[1].numpy() == pytest.approx(expected[1], abs=1e-6)


def test_what_has_no_boxes_has_no_head() -> None:
    other = network(None)
    wrong = replace(other, signature=replace(other.signature, outputs=other.signature.outputs[:1]))
    with pytest.raises(ModelError, match=r"has no boxes to decode for --head: .* or one tensor"):
        with_head(wrong, ModelSource(head="boxes"))


@pytest.mark.parametrize(
    ("head", "fit", "size"),
    [
        ("raw", "stretch", (80, 48)),
        ("boxes", "letterbox", (80, 48)),
        ("raw", "crop", (48, 83)),
        ("nms", "letterbox", (80, 48)),
    ],
)
def test_the_written_python_detects_what_the_task_does(
    head: str, fit: Fit, size: tuple[int, int], tmp_path: Path
) -> None:
    module = TwoMaps()
    source = ModelSource(input_size=SIZE, fit=fit, mean=(0.5,) * 3, std=(0.25,) * 3, head=head)
    (done,) = ca_deploy.export(module, source=source, formats=["onnx"], output=tmp_path, calibration="random")
    photo = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (*size[::-1], 3), np.uint8)).save(photo)
    printed = subprocess.run(
        [sys.executable, done.path.with_suffix(".py"), photo], capture_output=True, text=True, check=True
    ).stdout
    predictor = open_predictor(done.path)
    (taken,) = predictor.signature.inputs
    assert taken.preprocessing is not None
    assert predictor.task.seen is not None
    answers = predictor.run(Samples({taken.name: taken.preprocessing.to_pixels(Image.open(photo))[None]}, ("",)))
    found = predictor.task.seen(answers, predictor.signature, size, None).boxes
    lines = [
        f"{box.score:6.1%}  class {box.label}  {box.left:.1f} {box.top:.1f} {box.right:.1f} {box.bottom:.1f}"
        for box in found
    ]
    assert len(lines) > 5
    assert printed.splitlines()[:5] == lines[:5]
    assert len(printed.splitlines()) >= len(lines)  # it stops after no number


@pytest.mark.parametrize("fit", ["stretch", "letterbox", "crop"])
def test_the_written_python_places_photos_of_any_size(fit: Fit) -> None:
    for crop in ((64, 64), (48, 80)):
        photo = Preprocessing(72, crop, fit=fit)
        for size in ((80, 48), (48, 83), (7, 150), (150, 7), (1, 1), (64, 64)):
            found: dict[str, Any] = {"np": np, "size": np.array(size)}
            exec("\n".join(placement(photo)), found)
            assert [*found["scale"], *found["start"]] == pytest.approx(photo.placement(size))
