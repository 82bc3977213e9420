"""What classification measures, against values worked out by hand."""

import sys

import numpy as np
import pytest

from ca_deploy.errors import ImageDataError
from ca_deploy.records.signature import Activation, NetworkOutput, Signature
from ca_deploy.tasks import Score, Task, find_task

TASK = find_task("classification")
ALONE = find_task("classification:sigmoid")
LABELS = list("abcdefg")


def scored(task: Task, values: np.ndarray, truth: list[int], labels: list[str]) -> Score:
    """The score of the outputs of as many photos as there are true classes."""
    assert task.scoring is not None
    kept = [
        task.scoring.kept({"logits": values[number : number + 1].astype(np.float32)}, one, (8, 8))
        for number, one in enumerate(truth)
    ]
    return task.scoring.score(kept, labels)


def test_two_agree_where_the_first_class_is_the_same() -> None:
    reference = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]], np.float32)
    other = np.array([[9, 0, 0], [0, 9, 0], [0, 0, 9], [9, 0, 0]], np.float32)
    assert TASK.agrees is not None
    assert TASK.agrees({"logits": reference}, {"logits": other}).tolist() == [1, 1, 1, 0]


def test_an_answer_is_right_by_its_first_class_and_by_its_first_five() -> None:
    logits = np.array([[7, 6, 5, 4, 3, 2, 1]] * 4, np.float32)
    score = scored(TASK, logits, [0, 4, 5, 0], LABELS)
    assert score.right.tolist() == [True, False, False, True]
    assert score.figures == {"top1": 50, "top5": 75}
    assert score.confusions == {("e", "a"): 1, ("f", "a"): 1}
    assert score.by_class == {"a": 100, "e": 0, "f": 0}


def test_the_first_class_is_one_of_the_first_five_where_many_are_equal() -> None:
    """As in a file whose outputs are all the same, or are no numbers."""
    for value in (0.0, np.nan):
        score = scored(TASK, np.full((1, 1000), value, np.float32), [0], [str(number) for number in range(1000)])
        assert score.figures == {"top1": 100, "top5": 100}


def test_answers_that_do_not_fit_the_class_names_are_refused() -> None:
    for shape in ((2, 6), (2, 7, 1)):
        with pytest.raises(ImageDataError, match=r"there are 7 classes.*--labels"):
            scored(TASK, np.zeros(shape), [0, 1], LABELS)


def test_one_number_is_yes_above_one_half_or_as_a_logit_above_zero() -> None:
    truth = [1, 0, 1, 0]
    for values in ([0.9, 0.1, 0.6, 0.7], [3.0, -2.0, 0.1, 0.2]):
        score = scored(ALONE, np.array(values)[:, None], truth, ["no", "yes"])
        assert score.right.tolist() == [True, True, True, False]
        assert score.figures == {"top1": 75}
        assert score.confusions == {("no", "yes"): 1}
    with pytest.raises(ImageDataError, match=r"returns \(1,\) per image, but there are 7 classes.*--labels"):
        scored(ALONE, np.zeros((2, 1)), [0, 1], LABELS)


def test_several_that_are_each_on_their_own_are_scored_by_the_most_probable() -> None:
    values = np.array([[0.9, 0.8, 0.1], [0.2, 0.1, 0.3]], np.float32)
    score = scored(ALONE, values, [0, 0], ["a", "b", "c"])
    assert (score.right.tolist(), score.figures["top1"]) == ([True, False], 50)


def test_decisions_agree_one_by_one() -> None:
    assert ALONE.agrees is not None
    reference = np.array([[0.9, 0.1], [0.6, 0.4]], np.float32)
    other = np.array([[0.8, 0.2], [0.4, 0.3]], np.float32)
    assert ALONE.agrees({"logits": reference}, {"logits": other}).tolist() == [1, 0.5]


def test_nothing_that_is_clear_of_the_threshold_in_one_counts_by_the_range_of_both() -> None:
    """Whether numbers are logits or probabilities is the same for both answers."""
    assert ALONE.agrees is not None
    reference, other = np.array([[0.2], [4.0]], np.float32), np.array([[0.3], [0.9]], np.float32)
    assert ALONE.agrees({"logits": reference}, {"logits": other}).tolist() == [1, 1]


def ran(task: Task, given: NetworkOutput, answer: list[float], capsys: pytest.CaptureFixture[str]) -> str:
    """What the main part of a snippet prints for an answer."""
    names = {"np": np, "sys": sys, "LABELS": None, "preprocess": lambda photo: photo}
    exec("\n".join(task.python(Signature((), (given,)))), {**names, "run": lambda photo: np.array(answer, np.float32)})
    return capsys.readouterr().out


def test_snippets_print_shares_of_what_the_network_gives(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["net.py", "photo.jpg"])
    two: list[tuple[Task, Activation, list[float], list[str]]] = [
        (TASK, "none", [0.0, float(np.log(3))], ["75.0%  1", "25.0%  0"]),
        (TASK, "softmax", [0.25, 0.75], ["75.0%  1", "25.0%  0"]),
        (ALONE, "sigmoid", [0.25, 0.75], ["75.0%  1", "25.0%  0"]),
        (ALONE, "none", [0.0, float(np.log(3))], ["75.0%  1", "50.0%  0"]),
    ]
    for task, activation, answer, lines in two:
        given = NetworkOutput("logits", (1, 2), "float32", activation)
        assert [line.strip() for line in ran(task, given, answer, capsys).splitlines()] == lines
    one = NetworkOutput("logits", (1, 1), "float32", "sigmoid")
    assert ran(ALONE, one, [0.75], capsys) == " 75.0%  yes\n"
