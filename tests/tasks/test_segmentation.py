"""Segmenters: where a pixel of the photo lies in the logits, and mean IoU as others count it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from ca_deploy.data.masks import Mask, Meaning
from ca_deploy.errors import ImageDataError
from ca_deploy.records.preprocessing import Fit, Preprocessing
from ca_deploy.records.signature import NetworkInput, NetworkOutput, Signature
from ca_deploy.tasks import find_task, meaning_of
from ca_deploy.tasks._class_map import UNSEEN, classes_in_photo
from ca_deploy.tasks._mask_score import iou_score, pixel_pairs

PHOTO = Preprocessing(resize=24, crop=(24, 32), fit="stretch")


def signature(*shape: int, name: str = "", dtype: Any = "float32") -> Signature:
    image = NetworkInput("image", (1, 3, 24, 32), preprocessing=PHOTO)
    return Signature((image,), (NetworkOutput(name, (1, *shape), dtype),))


def logits(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_which_networks_are_segmenters() -> None:
    assert meaning_of(None, signature(3, 6, 8), ("a", "b", "c")).reason == "it gives a map for each of the 3 labels"
    found = meaning_of(None, signature(21, 24, 32, name="out"))
    assert (found.task.name, found.reason) == (
        "segmentation",
        "its output out (1, 21, 24, 32) is read as one map per class",
    )
    for other in (signature(3, 24, 32), signature(21, 1, 1, name="out"), signature(21, 9, 32, name="out")):
        assert meaning_of(None, other).task.name == "tensors"
    assert meaning_of("segmentation", signature(24, 32, dtype="int64")).task.name == "segmentation"


def test_agreement_is_the_share_of_pixels() -> None:
    agrees = find_task("segmentation").agrees
    assert agrees is not None
    one, maps = logits(2, 3, 4, 5), logits(2, 3, 4, 5).argmax(1).astype(np.float32)
    other = maps.copy()
    other[0, 0, 0] += 1
    assert agrees({"classes": maps}, {"classes": other}).tolist() == [1 - 1 / 20, 1]
    assert agrees({"out": one, "aux": -one}, {"out": one * 2, "aux": one}).tolist() == [1, 1]
    assert agrees({"out": one[:, :1]}, {"out": -one[:, :1]}).tolist() == [0, 0]


@pytest.mark.parametrize("size", [(64, 48), (33, 21), (32, 24)])
def test_stretched_logits_are_resized_as_pytorch_does(size: tuple[int, int]) -> None:
    values = logits(5, 3, 4)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(values)[None], size[::-1], mode="bilinear", align_corners=False
    )
    assert (classes_in_photo(values, PHOTO, size) == expected.argmax(1)[0].numpy()).mean() > 0.999


@pytest.mark.parametrize("fit", ["crop", "letterbox", "stretch", "none"])
def test_a_pixel_of_the_photo_keeps_its_class_however_the_photo_was_fitted(fit: Fit) -> None:
    photo = Preprocessing(resize=24, crop=(24, 32), fit=fit, padding=(0, 0, 0))
    size = (32, 24) if fit == "none" else (80, 40)
    truth = np.zeros((size[1], size[0]), np.uint8)
    truth[size[1] // 4 : size[1] // 2, size[0] // 3 : size[0] // 2] = 255
    taken = photo.to_pixels(Image.fromarray(truth))[..., 0] / np.float32(255)
    found = classes_in_photo((taken > 0.5).astype(np.float32), photo, size)
    seen = found != UNSEEN
    assert seen.mean() == pytest.approx({"crop": 0.58, "none": 1}.get(fit, 1), abs=0.1)
    both = ((found == 1) & (truth > 0)).sum() / ((found == 1) | (truth > 0)).sum()
    assert both > 0.8


def mask(values: list[list[int]], tmp_path: Path, classes: int = 3) -> Mask:
    path = tmp_path / "mask.png"
    Image.fromarray(np.array(values, np.uint8)).save(path)
    return Mask(path, path, Meaning(classes, frozenset({255})))


def test_mean_iou_is_that_of_the_definition(tmp_path: Path) -> None:
    pairs = pixel_pairs(np.array([[0, 0, 1], [1, 1, 2]]), mask([[0, 0, 0], [1, 1, 255]], tmp_path))
    score = iou_score([pairs], ["sky", "road", "car"])
    assert score.by_class == pytest.approx({"sky": 100 * 2 / 3, "road": 100 * 2 / 3})
    assert score.figures == pytest.approx({"mean IoU": 100 * 2 / 3, "pixel accuracy": 80.0})
    assert score.confusions == {("sky", "road"): 1}
    assert score.right.tolist() == [False]


def test_what_cannot_be_scored(tmp_path: Path) -> None:
    with pytest.raises(ImageDataError, match=r"The model gives class 5, and there are 3 \(--labels\)"):
        pixel_pairs(np.array([[5]]), mask([[0]], tmp_path))
    with pytest.raises(ImageDataError, match="No pixel of the masks counts"):
        iou_score([pixel_pairs(np.array([[1]]), mask([[255]], tmp_path))], ["a", "b", "c"])
