"""Boxes in numpy, against values worked out by hand."""

import numpy as np
import pytest

from ca_deploy.records.boxes import AnchorMap, BoxCoding
from ca_deploy.tasks._boxes import decode, detect, iou, probabilities

BOXES = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [4, 4, 5, 5]], np.float32)


def test_overlap() -> None:
    assert iou(BOXES[:1], BOXES) == pytest.approx(np.array([[1, 1 / 3, 0]]))
    assert iou(BOXES[:0], BOXES).shape == (0, 3)
    assert iou(np.zeros((1, 4), np.float32), BOXES[:1]) == 0


def test_offsets_are_in_units_of_the_anchor_and_the_variances() -> None:
    coding = BoxCoding(anchors=(AnchorMap(1, 2, ((0.5, 0.2),)),))
    assert coding.anchor_array() == pytest.approx(np.array([[0.25, 0.5, 0.5, 0.2], [0.75, 0.5, 0.5, 0.2]]))
    offsets = np.array([[0, 0, 0, 0], [1, -2, 5 * np.log(2), 0]], np.float32)
    found = decode(offsets, coding.anchor_array(), coding.variances)
    assert found == pytest.approx(np.array([[0, 0.4, 0.5, 0.6], [0.3, 0.36, 1.3, 0.56]]), abs=1e-6)


def test_the_background_is_the_first_of_a_softmax() -> None:
    scores = np.log(np.array([[0.2, 0.5, 0.3]], np.float32))
    assert probabilities(scores, "softmax") == pytest.approx(np.array([[0.5, 0.3]]))
    assert probabilities(np.zeros((1, 2), np.float32), "sigmoid").tolist() == [[0.5, 0.5]]


def test_the_best_of_overlapping_boxes_stays_class_by_class() -> None:
    scores = np.array([[0.9, 0.0], [0.8, 0.7], [0.2, 0.0]], np.float32)
    found = detect(BOXES, scores, least_score=0.1, most_iou=0.3)
    assert found.scores == pytest.approx([0.9, 0.7, 0.2])
    assert found.classes.tolist() == [0, 1, 0]
    assert found.boxes.tolist() == BOXES.tolist()
    assert len(detect(BOXES, scores, least_score=0.1, most=1).boxes) == 1
    assert len(detect(BOXES, scores, least_score=0.95).boxes) == 0
