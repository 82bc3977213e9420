"""The picture of a graph's partitions: fits a page, is what its suffix says, and survives any name."""

import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ca_deploy.compat.layout import BOX_HEIGHT, BOX_WIDTH, Drawing, layout
from ca_deploy.compat.picture import check_picture, picture
from ca_deploy.errors import UsageError
from ca_deploy.graphs import Graph, Node, Tensor
from ca_deploy.records.compat import CompatReport, Verdict
from ca_deploy.targets._partitions import assess, without_accelerator
from ca_deploy.targets._rules import judge, load_rules
from tests.hostile import LONG, MARKUP, TEXTS


def _chain(length: int, names: tuple[str, ...] = ("relu",), breaks_every: int = 7) -> Graph:
    """RELU after RELU, now and then an operator that the Edge TPU does not know."""
    tensors = tuple(Tensor(f"t{n}", (1, 4, 4, 8), "int8", scales=(0.1,)) for n in range(length + 1))
    nodes = tuple(
        Node(n, names[n % len(names)], "", "HARD_SWISH" if n % breaks_every == 3 else "RELU", (n,), (n + 1,))
        for n in range(length)
    )
    return Graph("tflite", 3, nodes, tensors, (0,), (length,))


def _drawn(graph: Graph, file: str = "model.tflite") -> tuple[Drawing, CompatReport]:
    report = assess(CompatReport("hexagon", "rules", file, judge(load_rules("hexagon"), graph, 0)), graph)
    return layout(graph, report), report


def test_the_legend_counts_the_partitions_of_the_headline() -> None:
    """Where a delegate takes a node in float, it breaks nothing; of a file that is refused, nothing is taken."""
    graph = _chain(3)
    report = _drawn(graph)[1]
    first, second, third = report.nodes
    nodes = (first, replace(second, verdict=Verdict.FLOAT_IN_INT8), third)
    taken = assess(replace(report, nodes=nodes), graph, range(3))
    assert taken.partitions == 1
    assert [entry[3] for entry in layout(graph, taken).legend if "partition" in entry[3]] == [
        "accelerated: 1 partition"
    ]
    refused = without_accelerator(replace(report, refused="why"))
    assert not [entry for entry in layout(graph, refused).legend if "partition" in entry[3]]


@pytest.mark.parametrize("length", [1, 40, 700])
def test_a_graph_of_any_length_fits_a_page(length: int) -> None:
    drawing, _ = _drawn(_chain(length))
    corners = [(box.x, box.y) for box in drawing.boxes]
    assert len(set(corners)) == length
    assert all(x > 0 and x + BOX_WIDTH < drawing.width and y + BOX_HEIGHT < drawing.height for x, y in corners)
    assert length < 40 or 1 < drawing.width / drawing.height < 2.2
    assert drawing.title_size * 80 > drawing.width  # no smaller than on a page of 80 characters
    assert min(y for _, y in corners) > drawing.legend[-1][1] > len(drawing.title) * drawing.title_size


def test_a_row_with_a_hundred_nodes_is_wrapped_too() -> None:
    tensors = tuple(Tensor(f"t{n}", (1, 4), "float32") for n in range(102))
    nodes = tuple(Node(n, f"relu{n}", "", "RELU", (0,), (n + 1,)) for n in range(100))
    drawing, _ = _drawn(Graph("tflite", 3, nodes, tensors, (0,), tuple(range(1, 101))))
    assert len({(box.x, box.y) for box in drawing.boxes}) == 100
    assert drawing.width / drawing.height < 3


def test_an_edge_into_the_next_column_goes_around_the_boxes() -> None:
    drawing, _ = _drawn(_chain(60))
    wrapped = [points for points in drawing.edges if len(points) > 2]
    assert wrapped
    for points in wrapped:
        for (x1, y1), (x2, y2) in pairwise(points):
            assert x1 == x2 or y1 == y2
        gap = points[2][0]
        assert not [box for box in drawing.boxes if box.x <= gap <= box.x + BOX_WIDTH]


def test_png_and_svg_show_the_same() -> None:
    graph = _chain(40)
    drawing, report = _drawn(graph)
    svg = ET.fromstring(picture(graph, report, ".svg"))
    assert (svg.attrib["width"], svg.attrib["height"]) == (str(drawing.width), str(drawing.height))
    assert svg.attrib["viewBox"] == f"0 0 {drawing.width} {drawing.height}"
    boxes = [group.find("{*}rect") for group in svg.iter("{*}g")]
    image = Image.open(io.BytesIO(picture(graph, report, ".png")))
    assert image.format == "PNG"
    assert image.size == (2 * drawing.width, 2 * drawing.height)
    pixels = np.asarray(image)
    for box in boxes:
        assert box is not None
        x, y = (2 * int(box.attrib[side]) + 4 for side in "xy")
        assert "#" + bytes(pixels[y, x]).hex() == box.attrib["fill"]


def test_a_huge_graph_becomes_a_png_that_a_viewer_shows() -> None:
    graph = _chain(9000)
    _, report = _drawn(graph)
    image = Image.open(io.BytesIO(picture(graph, report, ".png")))
    assert max(image.size) <= 8000


def test_hostile_names_stay_text() -> None:
    graph = _chain(60, (*TEXTS, MARKUP, LONG, "</text><script>alert(1)</script>"))
    _, report = _drawn(graph, f"{MARKUP}\x00{LONG}\ud800.tflite")
    content = picture(graph, report, ".svg")
    root = ET.fromstring(content)
    assert {element.tag.partition("}")[2] for element in root.iter()} == {
        "svg", "title", "rect", "text", "polyline", "g"
    }  # fmt: skip
    assert not [c for c in content.decode() if c != "\n" and not c.isprintable()]
    assert picture(graph, report, ".png").startswith(b"\x89PNG")


def test_a_place_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    for name in ("a.pdf", "a", "a.SVG.gz"):
        with pytest.raises(UsageError, match=r"\.svg or \.png"):
            check_picture(tmp_path / name)
    with pytest.raises(UsageError, match="nowhere does not exist"):
        check_picture(tmp_path / "nowhere" / "a.svg")
    check_picture(tmp_path / "a.png")


def test_weights_stand_above_their_reader() -> None:
    """Float16 weights are unpacked by nodes that read constants: at the top, they would make the picture endless."""
    tensors = (
        Tensor("x", (1, 4), "float32"),
        *(Tensor(f"t{n}", (1, 4), "float32") for n in range(5)),
        Tensor("w16", (1, 4), "float16", constant=True),
        Tensor("w", (1, 4), "float32"),
        Tensor("y", (1, 4), "float32"),
    )
    chain = tuple(Node(n, f"relu{n}", "", "RELU", (n,), (n + 1,)) for n in range(5))
    unpack = Node(5, "unpack", "", "DEQUANTIZE", (6,), (7,))
    graph = Graph("tflite", 3, (*chain, unpack, Node(6, "mul", "", "MUL", (5, 7), (8,))), tensors, (0,), (8,))
    drawing, _ = _drawn(graph)
    last, unpacking, reader = drawing.boxes[4:]
    assert unpacking.y == last.y < reader.y
    assert unpacking.x > last.x
