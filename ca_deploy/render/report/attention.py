"""What ``attention --json`` printed -> the picture beside it, Grad-CAM and the gates."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from ca_deploy.errors import listed, wrong_in_file
from ca_deploy.records.attention import AttentionReport
from ca_deploy.render.attention import page
from ca_deploy.render.blocks import Line
from ca_deploy.render.report.figures import Details, Heat, Part, Photo

_MOST_PICTURES = 4
_MOST_BYTES = 150_000
_WIDTH = 1100
_MOST_PIXELS = 50_000_000
_MOST_SIDE = 64
_BLOCKS_SHOWN = 4


def looks(reports: Sequence[AttentionReport], pictures: Sequence[Path]) -> Iterator[Part]:
    """The first pictures, made smaller; of every report the map of Grad-CAM and the gates of its last blocks."""
    yield from map(_photo, pictures[:_MOST_PICTURES])
    if len(pictures) > _MOST_PICTURES:
        yield Line(f"not shown, because a page has to stay small: {listed(pictures[_MOST_PICTURES:])}", wrap=True)
    for report in reports:
        parts: list[Part] = []
        if report.cam:
            said = f"Grad-CAM of {report.label}, {len(report.cam)} rows: the brightest speaks most for it"
            parts.append(Heat(f"Grad-CAM of {report.label}", said, _small(report.cam)))
        for block in report.blocks[-_BLOCKS_SHOWN:]:
            for extent in ("rows", "columns"):
                if values := block.values.get(extent):
                    said = f"The gate of the {extent} is {min(values):.4f} to {max(values):.4f}"
                    parts.append(Heat(f"{block.module or 'forward'}, {extent}", said, _small([values])))
        parts += page([report], None).blocks
        yield Details(f"{report.model} on {report.photo}", tuple(parts))


def _small(rows: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    """From 0 to 1 of what they span, and at most 64 on a side."""
    values = [value for row in rows for value in row]
    low, span = min(values, default=0.0), (max(values, default=1.0) - min(values, default=0.0)) or 1.0
    kept = rows[:: -(-len(rows) // _MOST_SIDE)]
    return tuple(tuple((value - low) / span for value in row[:: max(1, -(-len(row) // _MOST_SIDE))]) for row in kept)


def _photo(place: Path) -> Part:
    from PIL import Image

    try:
        with Image.open(place) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                return Line(f"{place} has {opened.width} x {opened.height} pixels, and is not shown", wrap=True)
            opened.thumbnail((_WIDTH, 4 * _WIDTH))
            image = opened.convert("RGB")
    except Exception as error:  # whatever Pillow raises of a damaged picture
        return Line(f"{place} cannot be shown: {wrong_in_file(error)}", wrap=True)
    for quality in (85, 70, 50, 30):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= _MOST_BYTES:
            break
    return Photo(place.name, f"gates and Grad-CAM as ca-deploy attention drew them in {place.name}", buffer.getvalue())
