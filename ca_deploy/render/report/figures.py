"""What a report draws, independent of the medium: figures in their own units, with a sentence for who cannot see them.

Where there is no drawing, as in Markdown, ``said`` stands in their place; their values are in the tables beside them.
"""

from dataclasses import dataclass

from ca_deploy.records.compat import Verdict
from ca_deploy.render.blocks import Block, Phrase


@dataclass(frozen=True, slots=True)
class Dot:
    """A file by its ``number`` in the report."""

    number: int
    label: str
    x: float
    y: float
    on_front: bool
    is_recommended: bool


@dataclass(frozen=True, slots=True)
class Scatter:
    """Quality over cost; the front is a line through the dots that are ``on_front``. ``least`` is good enough."""

    title: str
    said: str
    x_name: str
    x_unit: str
    y_name: str
    y_unit: str
    dots: tuple[Dot, ...]
    least: float | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """The samples of one measurement in ms: all of them lie between ``low`` and ``high``."""

    label: str
    verdict: str
    low: float
    first_quartile: float
    median: float
    third_quartile: float
    high: float


@dataclass(frozen=True, slots=True)
class Boxes:
    """Distributions of latency on one scale, which begins at 0."""

    title: str
    said: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """Latency over time. Each of ``spans`` is a moment (s), with the least, the median and the most (ms) around it."""

    title: str
    said: str
    spans: tuple[tuple[float, float, float, float], ...]
    temperatures: tuple[tuple[float, float], ...]

    @property
    def medians(self) -> list[tuple[float, float]]:
        return [(at, median) for at, _, median, _ in self.spans]


@dataclass(frozen=True, slots=True)
class Levels:
    """The SQNR in dB of what each layer gives, from the first to the last."""

    title: str
    said: str
    layers: tuple[tuple[str, float], ...]

    @property
    def points(self) -> list[tuple[float, float]]:
        """The number of each layer, and its SQNR."""
        return [(float(number), value) for number, (_, value) in enumerate(self.layers, start=1)]


@dataclass(frozen=True, slots=True)
class Run:
    """Nodes in a row with the same verdict; ``said`` is what they are and why."""

    first: int
    count: int
    verdict: Verdict
    said: str


@dataclass(frozen=True, slots=True)
class Strip:
    """The nodes of a file in order, as one target takes them: where it changes, the file breaks."""

    title: str
    said: str
    nodes: int
    runs: tuple[Run, ...]

    @property
    def verdicts(self) -> list[Verdict]:
        """Those that the strip has, the mildest first."""
        return sorted({run.verdict for run in self.runs}, key=lambda verdict: -verdict.severity)


@dataclass(frozen=True, slots=True)
class Heat:
    """Values by row and column, from 0 to 1 of what they span."""

    title: str
    said: str
    rows: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture as JPEG."""

    title: str
    said: str
    jpeg: bytes


Figure = Scatter | Boxes | Course | Levels | Strip | Heat | Photo


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to copy into a shell."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What to do, why, and what that does not know. ``is_good`` is False where there is nothing to recommend."""

    title: Phrase
    is_good: bool
    reasons: tuple[str, ...]
    doubts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Details:
    """What is only shown when asked for, below its title. ``anchor`` is a word for links, or ""."""

    title: str
    parts: "tuple[Part, ...]"
    anchor: str = ""


Part = Block | Figure | Code | Answer | Details  # what a section is made of


@dataclass(frozen=True, slots=True)
class Section:
    """A chapter of a report. ``anchor`` is a word for links."""

    title: str
    anchor: str
    parts: tuple[Part, ...]
