"""A drawing of a graph on a target, as SVG or PNG: one colour per partition shows where the graph breaks."""

import io
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

from ca_deploy.compat.layout import BOX_HEIGHT, BOX_WIDTH, LABEL_SIZE, MARGIN, Drawing, layout
from ca_deploy.errors import UsageError
from ca_deploy.graphs import Graph
from ca_deploy.records.compat import CompatReport

_EDGE = "#b0b0b0"
_LARGEST_SIDE = 8000  # pixels of a PNG; more would fill the memory, and no viewer shows it


def check_picture(place: Path) -> None:
    """Refuse a place for a picture before anything slow starts.

    Raises:
        UsageError: another suffix than those of pictures, or there is no such folder.
    """
    if place.suffix not in _WRITERS:
        raise UsageError(f"{place}: a picture is written as {' or '.join(_WRITERS)}. Give it one of these suffixes.")
    if not place.parent.is_dir():
        raise UsageError(f"{place}: the folder {place.parent} does not exist. Make it first.")


def picture(graph: Graph, report: CompatReport, suffix: str) -> bytes:
    """The file's content. In an SVG, the reason for each verdict is the node's tooltip."""
    return _WRITERS[suffix](layout(graph, report))


def _svg(drawing: Drawing) -> bytes:
    width, height = str(drawing.width), str(drawing.height)
    root = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", width=width, height=height)
    root.attrib |= {"viewBox": f"0 0 {width} {height}", "font-family": "sans-serif"}
    ET.SubElement(root, "title").text = " ".join(drawing.title)
    _rectangle(root, 0, 0, drawing.width, drawing.height, "#fff")
    for number, line in enumerate(drawing.title):
        y = drawing.title_size * 5 * (number + 1) // 4
        _text(root, MARGIN, y, drawing.title_size, "#000", line)
    for x, y, colour, text in drawing.legend:
        _rectangle(root, x, y, drawing.legend_size, drawing.legend_size, colour)
        _text(root, x + drawing.legend_size * 3 // 2, y + drawing.legend_size, drawing.legend_size, "#000", text)
    for points in drawing.edges:
        line = " ".join(f"{x},{y}" for x, y in points)
        ET.SubElement(root, "polyline", points=line, fill="none", stroke=_EDGE)
    for box in drawing.boxes:
        group = ET.SubElement(root, "g")
        ET.SubElement(group, "title").text = box.hint
        _rectangle(group, box.x, box.y, BOX_WIDTH, BOX_HEIGHT, box.colour)
        _text(group, box.x + 5, box.y + 13, LABEL_SIZE, "#fff", box.label)
    ET.indent(root, "")
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _rectangle(parent: ET.Element, x: int, y: int, width: int, height: int, colour: str) -> None:
    sides = {"x": x, "y": y, "width": width, "height": height}
    ET.SubElement(parent, "rect", {name: str(side) for name, side in sides.items()}, fill=colour)


def _text(parent: ET.Element, x: int, y: int, size: int, colour: str, text: str) -> None:
    attributes = {"x": str(x), "y": str(y), "font-size": str(size), "fill": colour}
    ET.SubElement(parent, "text", attributes).text = text


def _png(drawing: Drawing) -> bytes:
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    scale = min(2.0, _LARGEST_SIDE / max(drawing.width, drawing.height))
    fonts = str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))  # knows most scripts

    def at(x: int, y: int) -> tuple[float, float]:
        return x * scale, y * scale

    def fill(x: int, y: int, width: int, height: int, colour: str) -> None:
        draw.rectangle([at(x, y), at(x + width, y + height)], colour)

    sizes = (drawing.title_size, drawing.legend_size, LABEL_SIZE)
    title, legend, small = (ImageFont.truetype(fonts, max(1, size * scale)) for size in sizes)
    image = Image.new("RGB", (round(drawing.width * scale), round(drawing.height * scale)), "#fff")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(drawing.title):
        y = drawing.title_size * 5 * (number + 1) // 4
        draw.text(at(MARGIN, y), line, "#000", title, anchor="ls")
    for x, y, colour, text in drawing.legend:
        fill(x, y, drawing.legend_size, drawing.legend_size, colour)
        place = at(x + drawing.legend_size * 3 // 2, y + drawing.legend_size)
        draw.text(place, text, "#000", legend, anchor="ls")
    for points in drawing.edges:
        draw.line([at(*point) for point in points], _EDGE, max(1, round(scale)))
    for box in drawing.boxes:
        fill(box.x, box.y, BOX_WIDTH, BOX_HEIGHT, box.colour)
        draw.text(at(box.x + 5, box.y + 13), box.label, "#fff", small, anchor="ls")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


_WRITERS: dict[str, Callable[[Drawing], bytes]] = {".svg": _svg, ".png": _png}
