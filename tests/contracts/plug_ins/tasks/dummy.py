"""Answers are the same where the first two numbers are in the same order."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ca_deploy.tasks import Score, Task


def _order(answers: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray(answers[:, 0] > answers[:, 1])


def _agreement(reference: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(100 * np.mean(_order(reference) == _order(other)))


def _score(answers: NDArray[np.float32], truth: NDArray[np.int64], labels: Sequence[str]) -> Score:
    right = _order(answers) == (truth == 0)
    return Score(right, {"order": float(100 * right.mean())})


TASK = Task(
    name="dummy",
    description="the order of two numbers",
    is_likely=lambda answer: False,
    headline="Put two numbers in order",
    output="Two numbers, the larger one first if all is well.",
    python=('print("first" if run(preprocess(sys.argv[1]))[0] > 0 else "second")',),
    agreement_name="equal order",
    right_name="in order",
    agreement=_agreement,
    score=_score,
)
