"""Boxes in Pascal VOC's XML: one file per photo, beside it or in ``Annotations``."""

import logging
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from ca_deploy.data.folders import images_below
from ca_deploy.data.labelled import LabelledPhotos
from ca_deploy.data.labelled_boxes import PhotoBoxes, index_of, photo_boxes, refuse
from ca_deploy.errors import ImageDataError, first_line, listed

_log = logging.getLogger(__name__)
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_MASKS = ("SegmentationClass", "SegmentationObject")
_MOST_BYTES = 16 * 2**20


def voc_boxes(root: Path, labels: Sequence[str] | None) -> LabelledPhotos[PhotoBoxes]:
    """Read all ``.xml`` files below a folder; the photo of each is the one of its name, whatever its suffix. Photos
    without one are left out, and how many they are is logged.

    Pixels count from 1, and the last belongs to the box (VOC2012 development kit, section 5.1). Without ``labels``, the
    classes are the names of the objects in sorted order.

    Raises:
        ImageDataError: a file is malformed, a photo is missing or there twice, or a class is not one of the labels.
    """
    files = sorted(root.rglob("*.xml"))
    photos = _photos(root)
    missing = [str(path.relative_to(root)) for path in files if path.stem not in photos]
    refuse(f"{len(missing)} labels in {root} have no photo:", missing, "Add the photos, or remove these files.")
    parsed = [_read(path) for path in files]
    order = tuple(labels or sorted({name for _, objects in parsed for name, _, _ in objects}))
    faults = []
    truth = []
    for path, (size, objects) in zip(files, parsed, strict=True):
        rows: list[tuple[Sequence[float], int, bool]] = []
        for name, box, difficult in objects:
            number = index_of(name, order)
            if number is None:
                faults.append(f"{path.name}: the model does not know {name!r}")
            else:
                rows.append((box, number, difficult))
        truth.append(photo_boxes(photos[path.stem], rows, size))
    known = f"The model knows {listed(order, 12)}. Rename the objects, or pass --labels."
    refuse(f"Labels in {root} have classes that the model does not know:", faults, known)
    if not any(len(one.boxes) for one in truth):
        raise ImageDataError(f"The labels in {root} have no boxes: nothing can be scored.")
    if unlabelled := len(photos.keys() - {path.stem for path in files}):
        _log.warning(f"{unlabelled} of {len(photos)} photos in {root} have no .xml file, and are left out.")
    return LabelledPhotos(root, tuple(photos[path.stem] for path in files), truth, order)


def _photos(root: Path) -> dict[str, Path]:
    """By their names without suffixes; not the masks that VOC's own tree has under the same names."""
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for path in images_below(root).paths:
        if path.parent.name not in _MASKS:
            found[path.stem].append(path)
    twice = [" and ".join(str(one.relative_to(root)) for one in paths) for paths in found.values() if len(paths) > 1]
    refuse(f"Photos in {root} have the same name, so that labels may mean either:", twice, "Rename or remove one.")
    return {name: paths[0] for name, paths in found.items()}


_Object = tuple[str, list[float], bool]


def _read(path: Path) -> tuple[tuple[int, int] | None, list[_Object]]:
    """The size of the photo, and name, box and difficulty of each object."""
    wrong = f"VOC file {path}: "
    content = path.read_bytes() if path.is_file() and path.stat().st_size <= _MOST_BYTES else None
    if content is None:
        raise ImageDataError(f"{wrong}it is not a regular file of 16 MB at most.")
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise ImageDataError(f"{wrong}it declares entities, which labels do not need. Export the labels again.")
    try:
        tree = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ImageDataError(f"{wrong}it is not XML ({first_line(error)}). Export the labels again.") from error
    objects = []
    for number, one in enumerate(tree.iter("object")):
        name = (one.findtext("name") or "").strip()
        values = [_number(one.findtext(f"bndbox/{side}")) for side in _SIDES]
        if not name or not all(map(math.isfinite, values)):
            raise ImageDataError(f"{wrong}object {number} lacks a name, or xmin, ymin, xmax and ymax as numbers.")
        box = [values[0] - 1, values[1] - 1, values[2], values[3]]
        if box[2] - box[0] < 1 or box[3] - box[1] < 1:
            raise ImageDataError(
                f"{wrong}the box of object {number} ({name}) is empty: {values}. Correct or remove it."
            )
        objects.append((name, box, (one.findtext("difficult") or "").strip() == "1"))
    size = [_number(tree.findtext(f"size/{side}")) for side in ("width", "height")]
    known = all(map(math.isfinite, size)) and min(size) >= 1  # some tools write 0
    return ((int(size[0]), int(size[1])) if known else None), objects


def _number(text: str | None) -> float:
    """NaN where it is none."""
    try:
        return float(text or "")
    except ValueError:
        return math.nan
