"""The answers of damaged files in an ``.npz``, with the strengths of the damages."""

from pathlib import Path

import numpy as np

from tests.evaluation.damages.catalogue import DAMAGES
from tests.evaluation.damages.trial import Weakest

_FIGURES = "figures"


def save(path: Path, found: list[Weakest]) -> None:
    figures = [(one.damage.name, one.strength or 0, one.changed_percent, one.does_not_apply) for one in found]
    answers = {one.damage.name: one.answers for one in found if one.answers is not None}
    np.savez(path, **{_FIGURES: np.array(figures, np.str_)}, **answers)  # type: ignore[arg-type]


def load(path: Path) -> list[Weakest]:
    """Those of the damages that there still are; none where there is no such file."""
    if not path.exists():
        return []
    known = {damage.name: damage for damage in DAMAGES}
    with np.load(path) as content:
        return [
            Weakest(known[name], float(strength) or None, float(changed), content.get(name), reason)
            for name, strength, changed, reason in content[_FIGURES]
            if name in known
        ]
