"""One class per image: an output of logits ``(N, classes)``."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ca_deploy.errors import ImageDataError
from ca_deploy.tasks import Score, Task


def _agreement(reference: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Top-1 agreement in percent."""
    return float(100 * np.mean(reference.argmax(1) == other.argmax(1)))


def _score(logits: NDArray[np.float32], truth: NDArray[np.int64], labels: Sequence[str]) -> Score:
    """Top-1 and top-5 accuracy."""
    if logits.ndim != 2 or logits.shape[1] != len(labels):
        raise ImageDataError(
            f"The model returns {logits.shape[1:]} per image, but there are {len(labels)} classes. Pass the model's "
            "class names, in its order, with --labels."
        )
    classes = logits.argmax(1)
    right = classes == truth
    top5 = (np.argsort(-logits, axis=1)[:, :5] == truth[:, None]).any(1)
    return Score(right, {"top1": float(100 * right.mean()), "top5": float(100 * top5.mean())}, classes)


TASK = Task(
    name="classification",
    description="one class per image, from logits (N, classes)",
    is_likely=lambda answer: len(answer) == 1 and answer[0] > 1,
    headline="Classify a photo",
    output="Logits, one per class.",
    python=(
        "logits = run(preprocess(sys.argv[1]))",
        "shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()",
        "for number in np.argsort(-logits)[:5]:",
        '    print(f"{shares[number]:6.1%}  {LABELS[number] if LABELS else number}")',
    ),
    class_name="Classifier",
    agreement_name="top-1 agreement",
    right_name="top-1",
    agreement=_agreement,
    score=_score,
)
