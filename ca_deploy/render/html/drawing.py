"""Where everything in a figure stands: numbers for the templates, in the units of each figure's own view box."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from ca_deploy.records.compat import Verdict
from ca_deploy.render.report.figures import Boxes, Course, Dot, Levels, Scatter, Strip

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 58, 20, 44, 46
BOX_STEP, BOX_HEIGHT = 40, 12
COURSE_HEIGHT = 200
_LEAST_PERCENT = 4.0
_THINNEST = 1.5


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Axis:
    """``low`` and ``high`` are values, ``start`` and ``end`` where they stand."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[Tick]:
        """About five round numbers."""
        step = _round_step((self.high - self.low) / 5)
        first = math.ceil(self.low / step - 1e-9)
        count = int((self.high - first * step) / step + 1e-9) + 1
        return [Tick(self.at(n * step), f"{n * step:.6g}") for n in range(first, first + count)]


def axis(values: Sequence[float], start: float, end: float, from_zero: bool = False) -> Axis:
    """One that holds all values, with some room beside them."""
    low, high = min(values), max(values)
    room = (high - low) * 0.08 or abs(high) * 0.02 or 1.0
    return Axis(0.0 if from_zero else low - room, high + room, start, end)


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * (1 - 1e-9))


def scatter_axes(figure: Scatter) -> tuple[Axis, Axis]:
    x = axis([dot.x for dot in figure.dots], LEFT, WIDTH - RIGHT, from_zero=True)
    y = axis([dot.y for dot in figure.dots], HEIGHT - BOTTOM, TOP)
    if figure.y_unit == "%":  # a difference of chance does not fill the height
        high = min(max(dot.y for dot in figure.dots) + _LEAST_PERCENT / 8, 100.5)
        y = Axis(min(y.low, high - _LEAST_PERCENT), high, y.start, y.end)
    return x, y


def front(figure: Scatter) -> str:
    """The steps between the files that no other beats: at a given cost, the best quality that is to be had. "" where
    none may be shipped."""
    x, y = scatter_axes(figure)
    best = sorted({(dot.x, dot.y) for dot in figure.dots if dot.on_front})
    if not best:
        return ""
    path = [f"M{x.at(best[0][0])} {HEIGHT - BOTTOM}"]
    path += [f"V{y.at(value)}H{x.at(after[0])}" for (_, value), after in itertools.pairwise(best)]
    return "".join([*path, f"V{y.at(best[-1][1])}H{WIDTH - RIGHT}"])


def box_axis(figure: Boxes) -> Axis:
    return axis([box.high for box in figure.boxes], 6, WIDTH - 14, from_zero=True)


def course_axes(figure: Course) -> tuple[Axis, Axis, Axis | None]:
    """Seconds, ms, and °C where there are some."""
    ends = [span[0] for span in figure.spans] + [at for at, _ in figure.temperatures]
    seconds = Axis(min(ends), max(ends) + 1e-6, LEFT, WIDTH - 44)
    ms = axis([span[3] for span in figure.spans], COURSE_HEIGHT - 32, 14, from_zero=True)
    degrees = [value for _, value in figure.temperatures]
    heat = Axis(min(degrees) - 2, max(degrees) + 2, COURSE_HEIGHT - 32, 14) if degrees else None
    return seconds, ms, heat


def levels_axes(figure: Levels) -> tuple[Axis, Axis]:
    """Numbers of layers, and dB."""
    across = Axis(1.0, float(len(figure.layers)), LEFT, WIDTH - RIGHT)
    return across, axis([value for _, value in figure.layers], COURSE_HEIGHT - 32, 14)


def line(points: Sequence[tuple[float, float]], across: Axis, up: Axis) -> str:
    return "M" + "L".join(f"{across.at(x)} {up.at(y)}" for x, y in points)


def dots_at(figure: Scatter) -> list[tuple[Dot, float, float, bool]]:
    """Each dot, where it stands, and whether its number goes below it, because that of a neighbour is above."""
    x, y = scatter_axes(figure)
    found: list[tuple[Dot, float, float, bool]] = []
    for dot in sorted(figure.dots, key=lambda one: (one.is_recommended, one.x)):
        at = (x.at(dot.x), y.at(dot.y))
        near = any(abs(at[0] - left) < 18 and abs(at[1] - top) < 20 and not below for _, left, top, below in found)
        found.append((dot, *at, near))
    return found


def dots(points: Sequence[tuple[float, float]], across: Axis, up: Axis) -> str:
    """Lines of no length, whose round ends are dots."""
    return "".join(f"M{across.at(x)} {up.at(y)}h0" for x, y in points)


def band(figure: Course) -> str:
    """From the least to the most of every span."""
    seconds, ms, _ = course_axes(figure)
    return "".join(f"M{seconds.at(at)} {ms.at(low)}V{ms.at(high)}" for at, low, _, high in figure.spans if low < high)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Nodes that are not accelerated, drawn from ``left`` on; ``said`` is "" where they are not named."""

    verdict: Verdict
    left: float
    width: float
    said: str


def stretches(figure: Strip) -> list[Stretch]:
    """None is too thin to be seen, and those that could not be told apart are one, with the worst of their verdicts."""
    scale = WIDTH / figure.nodes
    found: list[Stretch] = []
    for run in figure.runs:
        if run.verdict is Verdict.ACCELERATED:
            continue
        left, right = run.first * scale, max((run.first + run.count) * scale, run.first * scale + _THINNEST)
        verdict: Verdict = run.verdict
        said = run.said
        if found and left - found[-1].left - found[-1].width < _THINNEST / 2:
            before = found.pop()
            verdict = min([before.verdict, run.verdict], key=lambda one: one.severity)
            left, said = before.left, f"{before.said}; {said}" if said else ""
        found.append(Stretch(verdict, left, right - left, said))
    return found


def path(figure: Strip, verdict: Verdict) -> str:
    """All stretches of a verdict in one."""
    mine = [one for one in stretches(figure) if one.verdict is verdict]
    return "".join(f"M{one.left:.1f} 14h{one.width:.1f}" for one in mine)
