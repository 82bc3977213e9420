"""What classification measures, against values worked out by hand."""

import numpy as np
import pytest

from ca_deploy.errors import ImageDataError
from ca_deploy.tasks import find_task

TASK = find_task("classification")
LABELS = list("abcdefg")


def test_agreement_counts_equal_first_classes() -> None:
    reference = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]], np.float32)
    other = np.array([[9, 0, 0], [0, 9, 0], [0, 0, 9], [9, 0, 0]], np.float32)
    assert TASK.agreement is not None
    assert TASK.agreement(reference, other) == 75


def test_an_answer_is_right_by_its_first_class_and_by_its_first_five() -> None:
    logits = np.array([[7, 6, 5, 4, 3, 2, 1]] * 4, np.float32)
    assert TASK.score is not None
    score = TASK.score(logits, np.array([0, 4, 5, 0]), LABELS)
    assert score.right.tolist() == [True, False, False, True]
    assert score.figures == {"top1": 50, "top5": 75}
    assert score.classes is not None
    assert score.classes.tolist() == [0, 0, 0, 0]


def test_answers_that_do_not_fit_the_class_names_are_refused() -> None:
    assert TASK.score is not None
    for shape in ((2, 6), (2, 7, 1)):
        with pytest.raises(ImageDataError, match=r"there are 7 classes.*--labels"):
            TASK.score(np.zeros(shape, np.float32), np.array([0, 1]), LABELS)
