"""What the outputs of a detector mean: anchors and variances of its boxes, and the kind of its scores."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from ca_deploy.errors import UsageError
from ca_deploy.records.record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


LARGEST_EXPONENT = math.log(1000 / 16)  # as torchvision clamps it: no box is more than 62 anchors wide
_MOST = 1e3  # of a side or a variance, beyond any detector's: what follows stays in float32


def _are_sides(values: Iterable[float]) -> bool:
    """Whether all are positive numbers of use; NaN is none."""
    return all(0 < value <= _MOST for value in values)


@record
class AnchorMap:
    """The anchors of one feature map of ``rows`` x ``columns`` cells: in each cell, centred, one of each size.

    ``sizes`` are (width, height) as parts of the input's. The order is that of the map: row by row, in a row cell by
    cell, in a cell as in ``sizes``.
    """

    rows: int
    columns: int
    sizes: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if min(self.rows, self.columns) < 1 or not self.sizes or not all(_are_sides(size) for size in self.sizes):
            raise UsageError("Anchors: a map has cells, and in each at least one box whose sides are positive.")


@record
class BoxCoding:
    """What the numbers of a detector mean.

    - ``offsets`` of centre x, centre y, width and height from ``anchors``, in units of the anchor and of the
      ``variances`` (SSD, arXiv 1512.02325, section 2.2): ``x = dx * variances[0] * width + x_anchor``,
      ``w = exp(dw * variances[2]) * width``;
    - ``corners``: left, top, right, bottom;
    - ``centres``: centre x, centre y, width, height.

    The last two are in parts of the input's sides, or in its pixels. ``scores`` are logits that a softmax makes
    probabilities, the background first, or a sigmoid does; or they are probabilities.
    """

    boxes: Literal["offsets", "corners", "centres"] = "offsets"
    unit: Literal["parts", "pixels"] = "parts"
    scores: Literal["softmax", "sigmoid", "probabilities"] = "softmax"
    anchors: tuple[AnchorMap, ...] = ()
    variances: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)

    def __post_init__(self) -> None:
        if (self.boxes == "offsets") != bool(self.anchors) or not _are_sides(self.variances):
            raise UsageError("Boxes: offsets have anchors, other boxes have none, and variances are positive.")

    @property
    def count(self) -> int:
        """How many anchors there are in all."""
        return sum(one.rows * one.columns * len(one.sizes) for one in self.anchors)

    def anchor_array(self) -> "NDArray[np.float32]":
        """All anchors ``(anchors, 4)``: centre x, centre y, width, height in parts of the input's sides."""
        import numpy as np

        found = []
        for one in self.anchors:
            y, x, size = np.meshgrid(
                (np.arange(one.rows) + 0.5) / one.rows,
                (np.arange(one.columns) + 0.5) / one.columns,
                np.arange(len(one.sizes)),
                indexing="ij",
            )
            sizes = np.asarray(one.sizes)[size.astype(int)]
            found.append(np.stack([x, y, sizes[..., 0], sizes[..., 1]], axis=-1).reshape(-1, 4))
        return np.concatenate(found).astype(np.float32)


@record
class Suppression:
    """Which of a detector's boxes a file gives: those of a class with ``least_score`` and more, without those that
    overlap a better one of their class by an IoU of more than ``most_iou``; of all that, the ``most`` best.

    ``boxes`` and ``scores`` name the outputs of the network that it is made of; they may be one.
    """

    boxes: str
    scores: str
    classes: int
    least_score: float = 0.01
    most_iou: float = 0.5
    most: int = 100

    def __post_init__(self) -> None:
        if min(self.classes, self.most) < 1 or not (0 < self.least_score < 1 and 0 < self.most_iou <= 1):
            raise UsageError(
                f"Suppression with the least score {self.least_score:g}, the IoU {self.most_iou:g} and {self.most} "
                "detections is not possible: both are between 0 and 1, and there is a class and a detection at least."
            )
