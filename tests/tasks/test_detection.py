"""What detection measures, on answers made by hand."""

from pathlib import Path

import numpy as np
import pytest

from ca_deploy.data.labelled_boxes import PhotoBoxes, photo_boxes
from ca_deploy.errors import ArtifactError, ImageDataError, UsageError
from ca_deploy.records.boxes import AnchorMap, BoxCoding
from ca_deploy.records.preprocessing import Fit, Preprocessing
from ca_deploy.records.signature import NetworkInput, NetworkOutput, Signature
from ca_deploy.tasks import Score, find_task, meaning_of

TASK = find_task("detection")
LABELS = ("cat", "dog")
CORNERS = np.array([[0.1, 0.1, 0.5, 0.5], [0.4, 0.6, 0.9, 0.9], [0.12, 0.1, 0.5, 0.52]], np.float32)
SCORES = np.array([[0.9, 0.002], [0.003, 0.8], [0.7, 0.001]], np.float32)


def signature(*shapes: tuple[int, ...], boxes: BoxCoding | None = None, fit: Fit = "stretch") -> Signature:
    image = NetworkInput("image", (1, 3, 100, 200), preprocessing=Preprocessing(100, (100, 200), fit=fit))
    names = ("boxes", "scores") if len(shapes) > 1 else ("output",)
    return Signature((image,), tuple(map(NetworkOutput, names, shapes)), boxes)


def scored(given: Signature, answers: dict[str, np.ndarray], truth: PhotoBoxes, size: tuple[int, int]) -> Score:
    scoring = meaning_of("detection", given).task.scoring
    assert scoring is not None
    return scoring.score([scoring.kept(answers, truth, size)], LABELS)


def truth_of(boxes: np.ndarray, size: tuple[int, int], classes: tuple[int, ...] = (0, 1)) -> PhotoBoxes:
    rows = [(box.tolist(), kind, False) for box, kind in zip(boxes * np.array(size * 2), classes, strict=True)]
    return photo_boxes(Path("photo.jpg"), rows, size)


TWO = {"boxes": CORNERS[None], "scores": SCORES[None]}


def test_right_boxes_are_all_of_the_precision_and_a_wrong_class_is_a_confusion() -> None:
    given = signature((1, 3, 4), (1, 3, 2))
    score = scored(given, TWO, truth_of(CORNERS[:2], (640, 480)), (640, 480))
    assert score.figures == pytest.approx({"AP": 100, "AP50": 100, "AP75": 100, "AR100": 100})
    assert score.by_class == pytest.approx({"cat": 100, "dog": 100})
    assert (score.right.tolist(), score.confusions) == ([True], {})
    score = scored(given, TWO, truth_of(CORNERS[:2], (640, 480), (0, 0)), (640, 480))
    assert score.figures["AP50"] == pytest.approx(50.5, abs=0.1)  # 101 points of recall: half is found
    assert (score.right.tolist(), score.confusions) == ([False], {("cat", "dog"): 1})


def test_a_photo_without_a_detection_is_scored() -> None:
    score = scored(
        signature((1, 3, 4), (1, 3, 2)), {**TWO, "scores": SCORES[None] * 0}, truth_of(CORNERS[:2], (9, 9)), (9, 9)
    )
    assert score.figures["AP50"] == 0


@pytest.mark.parametrize("fit", ["stretch", "letterbox", "crop"])
def test_boxes_are_put_back_into_the_photo_whatever_made_it_the_input(fit: Fit) -> None:
    given, size = signature((1, 3, 4), (1, 3, 2), fit=fit), (300, 300)
    photo = given.photo
    assert photo is not None
    x, y, left, top = photo.placement(size)
    in_photo = (CORNERS * np.array([200, 100] * 2) - np.array([left, top] * 2)) / np.array([x, y] * 2)
    inside = in_photo.clip(0, 300)
    assert scored(given, TWO, truth_of(inside[:2] / 300, size), size).figures["AP"] == pytest.approx(100)


def test_one_tensor_of_centres_in_pixels_is_read_as_of_yolo() -> None:
    pixels = CORNERS * np.array([200, 100] * 2)
    centres = np.concatenate([(pixels[:, :2] + pixels[:, 2:]) / 2, pixels[:, 2:] - pixels[:, :2], SCORES], 1)
    given = signature((1, 6, 3))
    answers = {"output": centres.T[None].astype(np.float32)}
    assert scored(given, answers, truth_of(CORNERS[:2], (64, 48)), (64, 48)).figures["AP"] == pytest.approx(100)
    assert meaning_of(None, given, LABELS).task.name == "detection"
    assert meaning_of(None, given).task.name == "tensors"


def test_answers_agree_where_the_same_is_found() -> None:
    agrees = meaning_of("detection", signature((1, 3, 4), (1, 3, 2))).task.agrees
    assert agrees is not None
    moved = {**TWO, "boxes": CORNERS[None] + 0.01}
    assert agrees(TWO, moved) == pytest.approx([1])
    weaker = {**TWO, "scores": (SCORES * 0.3)[None]}  # below the threshold, but found
    assert agrees(TWO, weaker) == pytest.approx([1])
    swapped = {**TWO, "scores": SCORES[None, :, ::-1]}
    assert agrees(TWO, swapped) == pytest.approx([0])
    nothing = {**TWO, "scores": SCORES[None] * 0}
    assert agrees(nothing, nothing) == pytest.approx([1])
    assert agrees(TWO, nothing) == pytest.approx([0])


def test_what_is_no_detector_is_refused_with_the_reason() -> None:
    assert "the network gives float32 (1, 3, 5)" in TASK.unfit(signature((1, 3, 5), (1, 4, 2)))
    assert TASK.unfit(signature((1, 4, 30)))
    offsets = BoxCoding(anchors=(AnchorMap(2, 2, ((0.5, 0.5),)),))
    assert "its anchors are 4, and it gives 3 boxes" in TASK.unfit(signature((1, 3, 4), (1, 3, 3), boxes=offsets))


def test_labels_for_another_photo_or_another_model_are_refused() -> None:
    given = signature((1, 3, 4), (1, 3, 2))
    with pytest.raises(ImageDataError, match=r"has 480x641 px .* made for 640x480 px\."):
        scored(given, TWO, truth_of(CORNERS[:2], (640, 480)), (480, 641))
    with pytest.raises(ImageDataError, match="lies outside its 640x480 px"):
        scored(given, TWO, truth_of(CORNERS[:2] + 1, (640, 480)), (640, 480))
    with pytest.raises(ImageDataError, match=r"scores 3 classes, but there are 2 \(cat, dog\)"):
        three = {**TWO, "scores": np.zeros((1, 3, 3), np.float32)}
        scored(signature((1, 3, 4), (1, 3, 3)), three, truth_of(CORNERS[:2], (64, 48)), (64, 48))


def test_what_is_seen_are_the_sure_boxes_with_their_names() -> None:
    task = meaning_of("detection", signature((1, 3, 4), (1, 3, 2))).task
    assert task.seen is not None
    seen = task.seen(TWO, signature((1, 3, 4), (1, 3, 2)), (400, 200), LABELS)
    assert [(box.label, round(box.score, 2)) for box in seen.boxes] == [("cat", 0.9), ("dog", 0.8)]
    assert (seen.boxes[0].left, seen.boxes[0].bottom) == pytest.approx((40, 100))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"boxes": CORNERS[None] * np.float32("nan")}, "not finite"),
        ({"boxes": CORNERS[None] * np.float32("inf")}, "not finite"),
        ({"scores": SCORES[None] * np.float32("nan")}, "not finite"),
        ({"scores": SCORES[None] * 9}, "no probabilities"),
    ],
)
def test_nonsense_is_no_detection(changed: dict[str, np.ndarray], said: str) -> None:
    """pycocotools would count a box of NaN as a match."""
    given = signature((1, 3, 4), (1, 3, 2))
    with pytest.raises(ArtifactError, match=said):
        scored(given, {**TWO, **changed}, truth_of(CORNERS[:2], (64, 48)), (64, 48))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, 1e30])
def test_anchors_and_variances_are_positive_numbers(value: float) -> None:
    with pytest.raises(UsageError, match="variances are positive"):
        BoxCoding(anchors=(AnchorMap(1, 1, ((0.5, 0.5),)),), variances=(0.1, value, 0.2, 0.2))
    with pytest.raises(UsageError, match="sides are positive"):
        AnchorMap(1, 1, ((0.5, value),))
