"""Boxes in YOLO's text: a file per photo, a line ``class x y width height`` per box, in parts of its sides."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path

from ca_deploy.data.folders import images_below
from ca_deploy.data.labelled import LabelledPhotos
from ca_deploy.data.labelled_boxes import PhotoBoxes, photo_boxes, refuse
from ca_deploy.data.yolo_dataset import YoloDataset, dataset_in
from ca_deploy.errors import ImageDataError, listed

_log = logging.getLogger(__name__)
_NAMES = ("classes.txt", "obj.names", "labels.txt")


def yolo_boxes(root: Path, labels: Sequence[str] | None) -> LabelledPhotos[PhotoBoxes]:
    """Read the photos below a folder; the labels of ``…/images/1.jpg`` are in ``…/labels/1.txt`` or beside it.

    A photo without labels shows nothing, and how many there are is logged. Class numbers are the model's, unless a file
    ``classes.txt`` or ``obj.names``, or the description of a dataset, names them in another order. A line with more
    numbers is a polygon, of which the bounding box counts.

    Raises:
        ImageDataError: no photo has labels, labels have no photo, or a line is malformed or has an unknown class.
    """
    photos = images_below(root).paths
    own = {place for photo in photos for place in _places(photo)}
    others = (path for path in sorted(root.rglob("*.txt")) if path not in own and _is_meant(path, root))
    ghosts = [str(path.relative_to(root)) for path in others]
    refuse(f"{len(ghosts)} labels in {root} have no photo:", ghosts, "Add the photos, or remove these files.")
    return _read(root, photos, _names(root), labels)


def boxes_of_dataset(dataset: YoloDataset, labels: Sequence[str] | None) -> LabelledPhotos[PhotoBoxes]:
    """The same for the photos that a dataset is validated on."""
    return _read(dataset.file, dataset.photos(), dataset.names(), labels)


def _read(
    root: Path, photos: tuple[Path, ...], given: tuple[str, ...], labels: Sequence[str] | None
) -> LabelledPhotos[PhotoBoxes]:
    order = tuple(labels or given)
    if not order:
        raise ImageDataError(
            f"Neither the model nor {root} names the classes. Pass --labels, or put a classes.txt there, one "
            "name per line."
        )
    places = {name: number for number, name in enumerate(order)}
    strangers = [name for name in given if name not in places]
    if strangers:
        raise ImageDataError(
            f"{root} has classes that the model does not know: {listed(strangers)}. The model knows "
            f"{listed(order, 12)}. Rename the classes, or pass --labels."
        )
    numbers = [places[name] for name in given] or list(range(len(order)))
    faults: list[str] = []
    truth = []
    for path in photos:
        rows = []
        for place, line in _lines(path):
            parsed = _parsed(line, len(numbers))
            if isinstance(parsed, str):
                faults.append(f"{place}: {parsed}")
            else:
                rows.append((parsed[1], numbers[parsed[0]], False))
        truth.append(photo_boxes(path, rows, relative=True))
    refuse(
        f"Labels below {root} are not YOLO's:", faults, "Correct these lines (class x y width height), or remove them."
    )
    if not any(len(one.boxes) for one in truth):
        raise ImageDataError(f"No photo below {root} has a .txt file with boxes: nothing can be scored.")
    if unlabelled := sum(not any(place.is_file() for place in _places(photo)) for photo in photos):
        _log.warning(
            f"{unlabelled} of {len(photos)} photos below {root} have no .txt file, and count as showing nothing."
        )
    return LabelledPhotos(root, photos, truth, order)


def _names(root: Path) -> tuple[str, ...]:
    above = root.resolve().parents
    for folder in (root, *above[: 2 if root.name == "images" else 1]):
        for name in _NAMES:
            if (folder / name).is_file():
                return tuple(line.strip() for line in _text(folder / name).splitlines() if line.strip())
        if dataset := dataset_in(folder):
            return dataset.names()
    return ()


def _places(photo: Path) -> tuple[Path, Path]:
    """Where the labels of a photo may be."""
    parts = list(photo.parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts).with_suffix(".txt"), photo.with_suffix(".txt")


def _is_meant(path: Path, root: Path) -> bool:
    """Whether a file is one of labels: empty in ``labels/``, or with a first line as they have; others are notes."""
    if path.name in _NAMES or path.name.startswith(".") or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        first = next((line for line in lines if line.strip()), "")
    if not first:
        return "labels" in path.relative_to(root).parts
    return not isinstance(_parsed(first, 10**9), str)


def _lines(photo: Path) -> list[tuple[str, str]]:
    """The lines of the labels of a photo, each with its place; none where it has no labels."""
    for path in _places(photo):
        if path.is_file():
            lines = enumerate(_text(path).splitlines(), 1)
            return [(f"{path.name}, line {number}", line) for number, line in lines if line.strip()]
    return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ImageDataError(f"Labels {path} cannot be read as text ({error}).") from error


def _parsed(line: str, classes: int) -> tuple[int, list[float]] | str:
    """Class and box of a line, or what is wrong with it."""
    try:
        number, values = int(line.split()[0]), [float(value) for value in line.split()[1:]]
    except ValueError:
        return f"not numbers: {line.strip()[:60]!r}"
    if not 0 <= number < classes:
        return f"class {number} of {classes} (0 to {classes - 1})"
    if not all(math.isfinite(value) and -1 <= value <= 2 for value in values):
        return "the values have to be parts of the photo's sides, 0 to 1"
    if len(values) == 4:
        x, y, width, height = values
        box = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    elif len(values) >= 6 and len(values) % 2 == 0:
        box = [min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])]
    else:
        return f"{len(values)} values after the class, and a box has 4"
    if box[2] <= box[0] or box[3] <= box[1]:
        return "the box is empty"
    return number, box
