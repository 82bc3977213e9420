"""Scores of tasks whose truth is one class per photo, from folders named after the classes."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ca_deploy.data.class_folders import labelled_by_class
from ca_deploy.tasks import Score, Scoring

if TYPE_CHECKING:
    from ca_deploy.tasks import Answers

    # Outputs (N, …) compared with the indices of the true classes (N,), given the names of all.
    ScoreOfClasses = Callable[[Answers, NDArray[np.int64], Sequence[str]], Score]
    _Kept = tuple[Answers, int]


def class_of_photo(score: "ScoreOfClasses") -> Scoring:
    """The scoring of a task that compares all outputs with the classes of their photos at once."""

    def of_all(kept: "Sequence[_Kept]", labels: Sequence[str]) -> Score:
        names = kept[0][0].keys()
        answers = {name: np.concatenate([one[name] for one, _ in kept]) for name in names}
        return score(answers, np.array([truth for _, truth in kept]), labels)

    return Scoring("DATA/<class>/<photo>", labelled_by_class, lambda answers, truth, size: (answers, truth), of_all)


def score_of(
    right: NDArray[np.bool_],
    figures: Mapping[str, float],
    truth: NDArray[np.int64],
    labels: Sequence[str],
    classes: NDArray[np.int64],
) -> Score:
    """The score of answers ``classes (N,)``, with the share of each class that is right, and what it is taken for."""
    by_class = {labels[number]: float(100 * right[truth == number].mean()) for number in np.unique(truth)}
    wrong = zip(truth[~right].tolist(), classes[~right].tolist(), strict=True)
    confusions = Counter((labels[one], labels[other]) for one, other in wrong)
    return Score(right, figures, by_class, confusions=confusions)
