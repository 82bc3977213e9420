"""Attention on a photo, drawn: the photo, Grad-CAM, and the gates of some blocks, a line per network."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ca_deploy.errors import shown
from ca_deploy.evaluation.attention_maps import Looked
from ca_deploy.records.attention import PICTURE_TITLE, BlockGates

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES = (".png", ".svg", ".pdf")
_INCHES = 1.9  # of a panel
_OPACITY = 0.6
_LETTERS = 34  # of a name
_ORDER = ("rows", "columns", "elements", "map", "positions")


def drawn(networks: Sequence[tuple[Looked, Sequence[BlockGates]]], suffix: str) -> bytes:
    """The picture's file; each network with the blocks to draw, and ``suffix`` one of :data:`SUFFIXES`."""
    from matplotlib.figure import Figure

    panels = [[_photo, _cam, *_of_blocks(blocks)] for _, blocks in networks]
    columns = max(map(len, panels))
    size = (_INCHES * columns, (_INCHES + 0.35) * len(networks))
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    for row, ((looked, _), line) in enumerate(zip(networks, panels, strict=True)):
        for column in range(columns):
            axes = figure.add_subplot(len(networks), columns, row * columns + column + 1)
            axes.set_axis_off()
            if column < len(line):
                line[column](axes, looked)
    buffer = io.BytesIO()
    metadata = {".pdf": {"Creator": None, "CreationDate": None}, ".png": {"Title": PICTURE_TITLE}}.get(suffix)
    figure.savefig(buffer, format=suffix[1:], metadata=metadata)
    return buffer.getvalue()


def _photo(axes: "Axes", looked: Looked) -> None:
    _show(axes, looked.pixels)
    _title(axes, looked.report.model)


def _cam(axes: "Axes", looked: Looked) -> None:
    report = looked.report
    if report.cam is None:
        _title(axes, "no Grad-CAM")
        return
    _over(axes, looked.pixels, np.array(report.cam), 0.0, 1.0)
    _title(axes, f"Grad-CAM: {report.label}")


def _of_blocks(blocks: Sequence[BlockGates]) -> list[Any]:
    """A panel for each gate of each block."""

    def panel(block: BlockGates, extent: str) -> Any:
        def draw(axes: "Axes", looked: Looked) -> None:
            values = np.array(block.values[extent])
            span = f"{values.min():.4f} to {values.max():.4f}"
            if extent == "map":
                axes.set_axis_on()
                axes.plot(np.sort(values)[::-1])
                axes.set_ylim(0, max(1.0, float(values.max())))
                axes.tick_params(labelsize=5)
            else:
                shape = {"rows": (-1, 1), "columns": (1, -1)}.get(extent, block.size)
                _over(axes, looked.pixels, values.reshape(shape), float(values.min()), float(values.max()))
            _title(axes, block.module or "forward", f"{'channels' if extent == 'map' else extent}, {span}")

        return draw

    return [panel(block, extent) for block in blocks for extent in _ORDER if extent in block.values]


def _show(axes: "Axes", pixels: NDArray[np.uint8]) -> None:
    height, width = pixels.shape[:2]
    axes.imshow(pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., 0], cmap="gray", extent=(0, width, height, 0))


def _over(axes: "Axes", pixels: NDArray[np.uint8], values: NDArray[np.float64], low: float, high: float) -> None:
    """``values``, stretched over the photo."""
    height, width = pixels.shape[:2]
    _show(axes, pixels)
    axes.imshow(
        values, cmap="viridis", vmin=low, vmax=high, alpha=_OPACITY, extent=(0, width, height, 0), aspect="auto"
    )
    axes.set_aspect("equal")


def _title(axes: "Axes", *lines: str) -> None:
    """Names from files are text, whatever is in them: no mathematics between dollar signs."""
    axes.set_title("\n".join(shown(line, _LETTERS) for line in lines), fontsize=6, parse_math=False)
