"""Photos with labelled boxes, in the three usual forms: COCO JSON, Pascal VOC XML, YOLO text."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.data.image_file import turned_hint
from ca_deploy.data.labelled import LabelledPhotos
from ca_deploy.errors import ImageDataError, listed
from ca_deploy.files import other_kind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FORMS = (
    "Pass a COCO JSON file or a folder with one in or beside it, a folder with Pascal VOC .xml files, one with "
    "YOLO .txt files, or a YOLO dataset's .yaml."
)
_log = logging.getLogger(__name__)
_SHOWN = 8
_FAR = 1e9  # pixels: what is labelled beyond is cut off at the side of the photo, as all that leaves it


@dataclass(frozen=True, slots=True, eq=False)
class PhotoBoxes:
    """The labelled boxes of a photo, ``(n, 4)``: left, top, right, bottom in pixels, or (``relative``) in parts of its
    sides.

    ``classes (n,)`` are indices. ``ignored (n,)`` marks boxes that need not be found: crowds (COCO), difficult ones
    (VOC). ``size`` is the width and height that the labels were made for, None where they do not say.
    """

    photo: Path
    boxes: "NDArray[np.float32]"
    classes: "NDArray[np.int64]"
    ignored: "NDArray[np.bool_]"
    size: tuple[int, int] | None = None
    relative: bool = False

    def in_pixels(self, size: tuple[int, int]) -> "NDArray[np.float32]":
        """The boxes in a photo of that width and height, cut off at its sides.

        Raises:
            ImageDataError: the labels were made for another size, or a box lies outside.
        """
        import numpy as np

        if self.size is not None and self.size != size:
            made, found = ("x".join(map(str, one)) for one in (self.size, size))
            hint = turned_hint(self.photo) if self.size == size[::-1] else ""
            raise ImageDataError(
                f"Photo {self.photo.name} has {found} px (width x height), and its boxes were made for {made} px."
                f"{hint} Take the photo that was labelled, or correct the size in the labels."
            )
        sides = np.array(size * 2, np.float32)
        boxes = self.boxes * sides if self.relative else self.boxes
        inside = np.clip(boxes, 0, sides)
        lost = np.flatnonzero((inside[:, 2:] - inside[:, :2] <= 0).any(1))
        if lost.size:
            raise ImageDataError(
                f"Photo {self.photo.name}: box {boxes[lost[0]].round(1).tolist()} (left, top, right, bottom) lies "
                f"outside its {size[0]}x{size[1]} px. Correct its labels."
            )
        return np.asarray(inside, np.float32)


def photo_boxes(
    photo: Path,
    rows: Sequence[tuple[Sequence[float], int, bool]],
    size: tuple[int, int] | None = None,
    relative: bool = False,
) -> PhotoBoxes:
    """Of rows of a box, its class, and whether it is ignored."""
    import numpy as np

    return PhotoBoxes(
        photo,
        np.array([row[0] for row in rows], np.float64).clip(-_FAR, _FAR).astype(np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.bool_),
        size,
        relative,
    )


def labelled_boxes(root: Path, labels: Sequence[str] | None) -> LabelledPhotos[PhotoBoxes]:
    """Read the labels at a path, whatever their form. ``labels`` are the model's, in the order of its classes.

    Raises:
        ImageDataError: there are none, several, or they are malformed; photos are missing; a class is unknown.
    """
    from ca_deploy.data.coco_boxes import coco_boxes
    from ca_deploy.data.voc_boxes import voc_boxes
    from ca_deploy.data.yolo_boxes import boxes_of_dataset, yolo_boxes
    from ca_deploy.data.yolo_dataset import SUFFIXES, dataset_in, yolo_dataset

    if root.is_file() and root.suffix.lower() in SUFFIXES:
        return boxes_of_dataset(yolo_dataset(root), labels)
    if not root.is_dir():
        kind = other_kind(root)
        if kind or root.suffix.lower() != ".json":
            raise ImageDataError(f"Data {root} {kind or 'is not a .json or .yaml file'}. {_FORMS}")
        return coco_boxes(root, root.parent, labels)
    found = [path for folder in (root, root / "annotations") for path in sorted(folder.glob("*.json"))]
    beside = root.resolve().with_suffix(".json")
    if not found and beside.is_file():
        found = [beside]
    if len(found) > 1:
        names = listed([path.name for path in found])
        raise ImageDataError(f"Data folder {root} has several .json files: {names}. Pass the one to evaluate on.")
    if found:
        return coco_boxes(found[0], root, labels)
    if _any_below(root, "*.xml"):
        return voc_boxes(root, labels)
    dataset = dataset_in(root)
    if dataset is not None and dataset.names_photos:
        _log.warning(f"{dataset.file} describes {root}: these are the photos that it names to validate on.")
        return boxes_of_dataset(dataset, labels)
    if _any_below(root, "*.txt") or (root.name == "images" and _any_below(root.with_name("labels"), "*.txt")):
        return yolo_boxes(root, labels)
    raise ImageDataError(f"Data folder {root} has no labelled boxes. {_FORMS}")


def refuse(what: str, faults: Sequence[str], remedy: str) -> None:
    """
    Raises:
        ImageDataError: there are faults; the message lists the first of them.
    """
    if faults:
        more = [f"  and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
        raise ImageDataError(what, *(f"  {fault}" for fault in faults[:_SHOWN]), *more, remedy)


def index_of(name: str, order: Sequence[str]) -> int | None:
    return order.index(name) if name in order else None


def _any_below(root: Path, pattern: str) -> bool:
    return next(root.rglob(pattern), None) is not None
