"""A drawing of a graph on a target as SVG: one colour per partition shows where the graph breaks."""

import colorsys
from html import escape

from ca_deploy.graphs import Graph
from ca_deploy.records.compat import CompatReport, Verdict
from ca_deploy.targets._partitions import partitions

_COLUMN, _ROW, _WIDTH, _HEIGHT, _TOP = 270, 26, 250, 18, 70  # pixels
_REFUSED = {
    Verdict.FALLS_BACK: "#d33",
    Verdict.UNSUPPORTED: "#808",
    Verdict.FLOAT_IN_INT8: "#e80",
    Verdict.UNKNOWN: "#999",
}
_NODE = "font:10px sans-serif;fill:#fff"


def picture(graph: Graph, report: CompatReport) -> str:
    """The SVG document: rows are steps of the computation, from the input down; edges are activations.

    Accelerated nodes have the colour of their partition, others that of their verdict, with the reason as tooltip.
    """
    verdicts = {finding.index: finding for finding in report.nodes}
    pieces = partitions(graph, {f.index for f in report.nodes if f.verdict == Verdict.ACCELERATED})
    colours = {index: _hue(number) for number, piece in enumerate(pieces) for index in piece}
    places = _places(graph)
    width = _COLUMN * (1 + max(column for column, _ in places.values())) + 20
    height = _TOP + _ROW * (1 + max(row for _, row in places.values())) + 20
    makers = graph.producers()
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="10" y="22" font-size="16">{escape(f"{report.file} on {report.target}: {report.verdict}")}</text>',
        *_legend(report, len(pieces)),
    ]
    for node in graph.nodes:
        for tensor in dict.fromkeys(node.inputs):
            maker = makers.get(tensor)
            if maker is not None and maker.index < node.index:
                lines.append(_edge(places[maker.index], places[node.index]))
    for node in graph.nodes:
        finding = verdicts[node.index]
        x, y = _corner(places[node.index])
        colour = colours.get(node.index) or _REFUSED.get(finding.verdict, "#999")
        said = f"{node.operator} {node.name}: {finding.verdict}" + (f". {finding.reason}" if finding.reason else "")
        label = f"{node.operator} {node.module}"[:46]
        lines += [
            f'<g><title>{escape(said)}</title><rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="3" '
            f'fill="{colour}"/><text x="{x + 5}" y="{y + 13}" style="{_NODE}">{escape(label)}</text></g>'
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _places(graph: Graph) -> dict[int, tuple[int, int]]:
    """Node -> (column, row); the row is one below the lowest row that the node reads from."""
    makers = graph.producers()
    rows: dict[int, int] = {}
    taken: dict[int, int] = {}
    places = {}
    for node in graph.nodes:
        above = [rows[makers[t].index] for t in node.inputs if t in makers and makers[t].index in rows]
        row = rows[node.index] = 1 + max(above, default=-1)
        places[node.index] = (taken.get(row, 0), row)
        taken[row] = taken.get(row, 0) + 1
    return places


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    return 10 + _COLUMN * place[0], _TOP + _ROW * place[1]


def _edge(start: tuple[int, int], end: tuple[int, int]) -> str:
    (x1, y1), (x2, y2) = _corner(start), _corner(end)
    return f'<line x1="{x1 + _WIDTH // 2}" y1="{y1 + _HEIGHT}" x2="{x2 + _WIDTH // 2}" y2="{y2}" stroke="#bbb"/>'


def _legend(report: CompatReport, pieces: int) -> list[str]:
    entries = [(f"{pieces} accelerated partitions, one colour each", _hue(0))] if pieces else []
    entries += [
        (verdict, colour) for verdict, colour in _REFUSED.items() if any(f.verdict == verdict for f in report.nodes)
    ]
    lines, x = [], 10
    for text, colour in entries:
        lines.append(f'<rect x="{x}" y="36" width="14" height="14" fill="{colour}"/>')
        lines.append(f'<text x="{x + 20}" y="48" font-size="12">{escape(text)}</text>')
        x += 40 + 7 * len(text)
    return lines


def _hue(number: int) -> str:
    """A green or blue, distinct from that of the neighbouring numbers; reds are for rejected nodes."""
    red, green, blue = colorsys.hls_to_rgb(0.3 + (number * 0.13) % 0.4, 0.35, 0.6)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
