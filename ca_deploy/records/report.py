"""Which file to ship: what files were compared by, and what follows."""

import dataclasses
from collections.abc import Mapping
from enum import StrEnum

from ca_deploy.records.record import record


class Basis(StrEnum):
    """What the quality of files was judged by."""

    ACCURACY = "accuracy"  # on labelled photos
    AGREEMENT = "agreement"  # with PyTorch's answers: says nothing of whether those are right
    SQNR = "SQNR"  # of the outputs, against PyTorch's


@record
class Measure:
    """A quantity with its unit, and how it was taken."""

    name: str
    unit: str
    how: str


@record
class Point:
    """A file by its label, its cost (lower is better) and its quality (higher is better).

    ``on_front``: nothing speaks against it, and no other such file is at least as good in both and better in one.
    """

    file: str
    cost: float
    quality: float
    on_front: bool


@record
class Plot:
    """Quality against one cost. ``left_out`` has the reason for each file that has no place in it."""

    cost: Measure
    points: tuple[Point, ...]
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)


@record
class Choice:
    """One recommendation among ``files`` that do the same job; the first of ``plots`` is the one that decides.

    ``recommended`` is None where no file may be shipped, and ``rejected`` then says why of each. ``doubts`` are what
    the recommendation does not know. ``within`` is what may be given up of the quality, in its unit, and ``least``
    what is then good enough; None where SQNR is all that is known.
    """

    about: str
    files: tuple[str, ...]
    quality: Measure
    basis: Basis
    within: float
    plots: tuple[Plot, ...]
    least: float | None
    recommended: str | None
    reasons: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    rejected: Mapping[str, str] = dataclasses.field(default_factory=dict)
