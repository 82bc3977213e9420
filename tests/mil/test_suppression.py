"""``non_maximum_suppression`` of the reference executor finds what numpy finds, for each sample."""

import numpy as np
import pytest
import torch

from ca_deploy.errors import UnsupportedOperation
from ca_deploy.mil.operations import operations
from ca_deploy.tasks._boxes import suppress


def test_each_sample_is_suppressed_by_itself_and_filled_up() -> None:
    random = np.random.default_rng(0)
    boxes = random.uniform(0.1, 0.6, (3, 50, 4)).astype(np.float32)
    scores = (random.integers(0, 8, (3, 50, 1)) / 8).astype(np.float32)
    scores[2] = 0
    run = operations()["non_maximum_suppression"]
    coordinates, kept, places, counts = run(torch.from_numpy(boxes), torch.from_numpy(scores), 0.3, 20, 0.2)
    assert [tuple(one.shape) for one in (coordinates, kept, places, counts)] == [(3, 20, 4), (3, 20, 1), (3, 20), (3,)]
    for number in range(3):
        likely = np.flatnonzero(scores[number, :, 0] >= 0.2)
        half = boxes[number, :, 2:] / 2
        corners = np.concatenate([boxes[number, :, :2] - half, boxes[number, :, :2] + half], 1)
        expected = likely[suppress(corners[likely], scores[number, likely, 0], 0.3, 20)]
        count = int(counts[number])
        assert places[number, :count].tolist() == expected.tolist()
        assert (coordinates[number, :count].numpy() == boxes[number, expected]).all()
        assert (kept[number, count:] == -1).all()
    assert counts.tolist()[2] == 0
    later = run(torch.from_numpy(boxes).mT, torch.from_numpy(scores).mT, 0.3, 20)  # iOS 17
    assert [tuple(one.shape) for one in later] == [(3, 4, 20), (3, 1, 20), (3, 20)]
    assert (later[2][0, : int(counts[0])] == places[0, : int(counts[0])]).all()


def test_boxes_of_several_scores_are_refused() -> None:
    with pytest.raises(UnsupportedOperation, match="boxes of one score each"):
        operations()["non_maximum_suppression"](torch.zeros(1, 4, 4), torch.zeros(1, 4, 2), 0.5, 2, 0.1)
