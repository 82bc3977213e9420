"""Answers are the same where the first two numbers are in the same order."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ca_deploy.tasks import Score, Task
from ca_deploy.tasks._class_of_photo import class_of_photo

if TYPE_CHECKING:
    from ca_deploy.tasks import Answers


def _order(answers: "Answers") -> NDArray[np.bool_]:
    (values,) = answers.values()
    return np.asarray(values[:, 0] > values[:, 1])


def _agrees(reference: "Answers", other: "Answers") -> NDArray[np.float64]:
    return np.asarray(_order(reference) == _order(other), np.float64)


def _score(answers: "Answers", truth: NDArray[np.int64], labels: Sequence[str]) -> Score:
    right = _order(answers) == (truth == 0)
    return Score(right, {"order": float(100 * right.mean())})


TASK = Task(
    name="dummy",
    description="the order of two numbers",
    likely=lambda signature, labels: "",
    headline="Put two numbers in order",
    output=lambda signature: "Two numbers, the larger one first if all is well.",
    python=lambda signature: ('print("first" if run(preprocess(sys.argv[1]))[0] > 0 else "second")',),
    output_name="logits",
    agreement_name="equal order",
    right_name="in order",
    agrees=_agrees,
    scoring=class_of_photo(_score),
)
