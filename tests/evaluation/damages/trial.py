"""How weak may a damage be that still changes answers, and does parity notice it then?"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ca_deploy.evaluation.unrounded import judge_unrounded
from ca_deploy.records.parity import ParityReport, Status
from ca_deploy.runtimes import open_session
from tests.evaluation.damages.setting import Damage, DoesNotApply
from tests.evaluation.damages.subject import Subject, changed

LEAST_PERCENT = 1.0  # of the images have another answer
STRENGTHS = tuple(2 ** (-number / 2) for number in range(24, -1, -1))


@dataclass(frozen=True, slots=True)
class Weakest:
    """A damage at the smallest of ``STRENGTHS`` that changes enough answers, which are then ``answers (N, …)``.

    Where none does, ``strength`` and ``answers`` are None, and ``does_not_apply`` says why.
    """

    damage: Damage
    strength: float | None
    changed_percent: float
    answers: NDArray[np.float32] | None
    does_not_apply: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What parity says of the answers of a damaged file; ``named``: also what is damaged."""

    found: Weakest
    report: ParityReport | None
    named: bool

    @property
    def failed(self) -> bool:
        return self.report is not None and self.report.status == Status.FAIL

    @property
    def caught(self) -> bool:
        return self.failed and self.named


def weakest(damage: Damage, subject: Subject, folder: Path, guess: float | None = None) -> Weakest:
    """Search for the strength, and write damaged files to ``folder``.

    ``guess`` is a strength from which the search starts; the result does not depend on it where a stronger damage
    always changes more.
    """
    setting = subject.setting()
    seen: dict[int, tuple[NDArray[np.float32], float]] = {}

    def share(number: int) -> float:
        if number not in seen:
            file = subject.editable()
            damage.apply(file, STRENGTHS[number], setting)
            session = open_session(file.write(folder / f"damaged{file.suffix}"), known=True)
            (answers,) = replace(subject.predictor, session=session).run(subject.reference.samples).values()
            seen[number] = answers, float(100 * changed(subject.kind, subject.answers, answers).mean())
        return seen[number][1]

    try:
        number = _first_enough(share, STRENGTHS.index(guess) if guess else len(STRENGTHS) - 1)
    except DoesNotApply as error:
        return Weakest(damage, None, 0, None, str(error))
    if share(number) < LEAST_PERCENT:
        return Weakest(damage, None, share(number), None, f"changes {share(number):.1f} % of the answers")
    return Weakest(damage, STRENGTHS[number], share(number), seen[number][0])


def judge(found: Weakest, subject: Subject, folder: Path) -> Verdict:
    """Measure the parity of its answers, and of the file without rounding, which is written to ``folder`` again."""
    if found.answers is None or found.strength is None:
        return Verdict(found, None, False)
    report = subject.parity(found.answers)
    if not found.damage.of_ranges:
        file = subject.editable()
        found.damage.apply(file, found.strength, subject.setting())
        path, reference = file.write(folder / f"judged{file.suffix}"), subject.reference
        report = judge_unrounded(report, subject.predictor, path, reference.answers, reference.samples)
    return Verdict(found, report, _names(report, found.damage.hit(subject.setting()), subject.answers))


def _first_enough(share: Callable[[int], float], number: int) -> int:
    """The number of the weakest strength that is enough, near ``number``; of the strongest, if none is."""
    step, top = 8 if number == len(STRENGTHS) - 1 else 1, len(STRENGTHS) - 1
    while number < top and share(number) < LEAST_PERCENT:
        number, step = min(number + step, top), 2 * step
    if share(number) < LEAST_PERCENT:
        return top
    enough, too_weak = number, number - step
    while too_weak >= 0 and share(too_weak) >= LEAST_PERCENT:
        enough, step = too_weak, 2 * step
        too_weak -= step
    too_weak = max(too_weak, -1)
    while enough - too_weak > 1:
        middle = (too_weak + enough) // 2
        enough, too_weak = (middle, too_weak) if share(middle) >= LEAST_PERCENT else (enough, middle)
    return enough


def _names(report: ParityReport, hit: tuple[int, ...], answers: NDArray[np.float32]) -> bool:
    """Whether a failure names a channel that is damaged; an output with one channel has no other."""
    if answers.shape[1] == 1:
        return True
    named = set()
    for start, end in re.findall(r"(?<![\d.])(\d+)(?: to (\d+))?", " ".join(_channel_lists(report.reason))):
        named |= set(range(int(start), int(end or start) + 1))
    return bool(named & set(hit)) if hit else bool(named)


def _channel_lists(reason: str) -> list[str]:
    return re.findall(r"channels? ([^:]*):", reason)
