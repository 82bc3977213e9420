"""Where everything of a drawn graph stands: rows are steps of the computation, wrapped into columns that fit a page.

All lengths are in pixels of the drawing; y grows downwards.
"""

import colorsys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from ca_deploy.errors import visible
from ca_deploy.graphs import Graph, Node
from ca_deploy.records.compat import CompatReport, Finding, Verdict
from ca_deploy.targets._partitions import partitions

BOX_WIDTH, BOX_HEIGHT = 250, 18
MARGIN, LABEL_SIZE = 12, 9
_STEP_X, _STEP_Y, _GUTTER = 262, 26, 24
_SIDE_BY_SIDE = 4  # nodes per row; more continue in the row below
_PAGE = 1.3  # width over height from which no further column is opened; paper in landscape has 1.41
_LEAST_WIDTH = 640
_LABEL, _TITLE = 44, 240  # characters
_REFUSED = {
    Verdict.FALLS_BACK: "#d03030",
    Verdict.UNSUPPORTED: "#800080",
    Verdict.FLOAT_IN_INT8: "#d07000",
    Verdict.UNKNOWN: "#808080",
}

Point = tuple[int, int]
Entry = tuple[int, int, str, str]


@dataclass(frozen=True, slots=True)
class Box:
    """One node, by its upper left corner. ``hint`` is its whole story: what it is, its verdict, and the reason."""

    x: int
    y: int
    colour: str
    label: str
    hint: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """``title`` has lines of text, ``legend`` a corner, a colour and a text per entry."""

    width: int
    height: int
    title: tuple[str, ...]
    title_size: int
    legend: tuple[Entry, ...]
    legend_size: int
    edges: tuple[tuple[Point, ...], ...]
    boxes: tuple[Box, ...]


def layout(graph: Graph, report: CompatReport) -> Drawing:
    """Accelerated nodes have the colour of their partition, the others that of their verdict."""
    pieces = partitions(graph, _taken(report))
    accelerated = {finding.index for finding in report.nodes if finding.verdict == Verdict.ACCELERATED}
    colours = {index: _hue(number) for number, piece in enumerate(pieces) for index in accelerated.intersection(piece)}
    strips = _strips(_rows(graph))
    corners, right, bottom = _corners(strips)
    width = max(_LEAST_WIDTH, right + MARGIN)
    title_size = max(18, width // 70)
    legend_size = title_size * 2 // 3
    about = f"{report.accelerated_nodes} of {len(report.nodes)} nodes accelerated, {report.version}"
    title = [visible(report.file), visible(f"on {report.target}: {report.verdict}"), visible(about)]
    wrapped = [line for text in title for line in textwrap.wrap(text[:_TITLE], width * 10 // (title_size * 6))]
    top = MARGIN + len(wrapped) * title_size * 5 // 4 + MARGIN
    legend, top = _legend(report, len(pieces), width, top, legend_size)
    moved = {index: (x, y + top) for index, (x, y) in corners.items()}
    boxes = tuple(_box(node, report.nodes[node.index], moved[node.index], colours) for node in graph.nodes)
    return Drawing(width, bottom + top, tuple(wrapped), title_size, legend, legend_size, _edges(graph, moved), boxes)


def _taken(report: CompatReport) -> set[int]:
    """The nodes of the partitions: some delegates take nodes in float too, and nothing of a model that is refused."""
    if report.refused:
        return set()
    taken = {finding.index for finding in report.nodes if finding.verdict == Verdict.ACCELERATED}
    with_float = taken | {finding.index for finding in report.nodes if finding.verdict == Verdict.FLOAT_IN_INT8}
    return with_float if len(with_float) == report.accelerated_nodes else taken


def _rows(graph: Graph) -> list[list[int]]:
    """Node indices by row: a node stands below those that it reads, and what reads constants just above its reader."""
    makers, readers = graph.producers, graph.consumers
    level: dict[int, int] = {}
    for node in graph.nodes:
        above = [level[makers[t].index] for t in node.inputs if t in makers and makers[t].index in level]
        level[node.index] = 1 + max(above, default=-1)
    for node in graph.nodes:
        if not any(tensor in makers or tensor in graph.inputs for tensor in node.inputs):
            below = [level[reader.index] for t in node.outputs for reader in readers.get(t, ())]
            level[node.index] = max(0, min(below, default=1) - 1)
    levels: dict[int, list[int]] = {}
    for index, number in level.items():
        levels.setdefault(number, []).append(index)
    return [
        levels[number][start : start + _SIDE_BY_SIDE]
        for number in sorted(levels)
        for start in range(0, len(levels[number]), _SIDE_BY_SIDE)
    ]


def _strips(rows: list[list[int]]) -> list[list[list[int]]]:
    """The rows in as many columns as make a page in landscape."""
    for count in range(1, len(rows) + 1):
        length = -(-len(rows) // count)
        strips = [rows[start : start + length] for start in range(0, len(rows), length)]
        if sum(map(_strip_width, strips)) >= _PAGE * length * _STEP_Y:
            break
    return strips


def _strip_width(strip: Sequence[Sequence[int]]) -> int:
    return _GUTTER + _STEP_X * max(map(len, strip))


def _corners(strips: Sequence[Sequence[Sequence[int]]]) -> tuple[dict[int, Point], int, int]:
    """Node -> its upper left corner, below y = 0; and the right and the lower end of them all."""
    corners: dict[int, Point] = {}
    left = MARGIN
    for strip in strips:
        for row, indices in enumerate(strip):
            corners |= {index: (left + _STEP_X * place, _STEP_Y * row) for place, index in enumerate(indices)}
        left += _strip_width(strip)
    return corners, left, _STEP_Y * max(map(len, strips)) + MARGIN


def _edges(graph: Graph, corners: dict[int, Point]) -> tuple[tuple[Point, ...], ...]:
    """From the lower side of a node to the upper side of its readers; into another column through the gap before it."""
    makers = graph.producers
    found: list[tuple[Point, ...]] = []
    for node in graph.nodes:
        end_x, end_y = corners[node.index]
        for maker in {makers[t].index for t in node.inputs if t in makers}:
            x, y = corners[maker]
            start, end = (x + BOX_WIDTH // 2, y + BOX_HEIGHT), (end_x + BOX_WIDTH // 2, end_y)
            if y < end_y:
                found.append((start, end))
            else:
                gap = end_x - _GUTTER // 2
                turns = ((start[0], start[1] + 4), (gap, start[1] + 4), (gap, end_y - 4), (end[0], end_y - 4))
                found.append((start, *turns, end))
    return tuple(found)


def _box(node: Node, finding: Finding, corner: Point, colours: dict[int, str]) -> Box:
    colour = colours.get(node.index) or _REFUSED.get(finding.verdict, "#808080")
    label = f"{node.operator} {node.module or node.name}"
    hint = f"{node.operator} {node.name}: {finding.verdict}" + (f". {finding.reason}" if finding.reason else "")
    return Box(*corner, colour, visible(label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…"), visible(hint))


def _legend(report: CompatReport, pieces: int, width: int, top: int, size: int) -> tuple[tuple[Entry, ...], int]:
    """The entries, in as many lines as they need, and where the graph begins below them."""
    accelerated = f"accelerated: {pieces} partition{'s, one colour each' if pieces > 1 else ''}"
    verdicts = {finding.verdict for finding in report.nodes}
    named = [(_hue(0), accelerated)] if pieces else []
    named += [(colour, verdict) for verdict, colour in _REFUSED.items() if verdict in verdicts]
    entries, x = [], MARGIN
    for colour, text in named:
        wide = size * (4 + 6 * len(text) // 10)
        if x > MARGIN and x + wide > width:
            x, top = MARGIN, top + size * 2
        entries.append((x, top, colour, text))
        x += wide
    return tuple(entries), top + size * 2 + MARGIN


def _hue(number: int) -> str:
    """A green or blue, distinct from that of the neighbouring numbers; reds are for rejected nodes."""
    red, green, blue = colorsys.hls_to_rgb(0.3 + (number * 0.13) % 0.4, 0.35, 0.6)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
