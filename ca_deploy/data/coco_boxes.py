"""Boxes in COCO's JSON (https://cocodataset.org/#format-data, "object detection")."""

import math
import posixpath
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from ca_deploy.data.labelled import LabelledPhotos
from ca_deploy.data.labelled_boxes import PhotoBoxes, photo_boxes, refuse
from ca_deploy.errors import ImageDataError, listed
from ca_deploy.files import other_kind
from ca_deploy.records.codec import Unreadable, parse_json
from ca_deploy.records.faults import faults, not_possible, refusal

_READ = dataclass(config=ConfigDict(extra="ignore"), frozen=True)  # of what tools add, nothing is used


def _number(value: object) -> object:
    """Not a text, and not true or false, of which pydantic would make 1 and 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refusal(not_possible(value, "a number"))
    return value


def _identifier(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise refusal(not_possible(value, "a whole number or a text"))
    return value


_Whole = Annotated[int, BeforeValidator(_number)]
_Real = Annotated[float, BeforeValidator(_number)]
_Identifier = Annotated[int | str, BeforeValidator(_identifier)]


@_READ
class _Image:
    id: _Identifier
    file_name: str
    width: _Whole
    height: _Whole


@_READ
class _Annotation:
    image_id: _Identifier
    category_id: _Whole
    bbox: tuple[_Real, _Real, _Real, _Real]
    iscrowd: int = 0


@_READ
class _Category:
    id: _Whole
    name: str


@_READ
class _Coco:
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def coco_boxes(path: Path, photos: Path, labels: Sequence[str] | None) -> LabelledPhotos[PhotoBoxes]:
    """Read a file whose photos are in the folder ``photos``, or in one beside the file that is called as it is.

    Categories are matched with ``labels`` by name; without labels, the classes are the categories in the order of their
    ids, without those that have no box.

    Raises:
        ImageDataError: the file is malformed, lists no photos, or contradicts itself; photos are missing; a category
            with boxes is not one of the labels.
    """
    coco = _read(path)
    _refuse_contradictions(path, coco)
    used = {one.category_id for one in coco.annotations}
    categories = sorted((one for one in coco.categories if one.id in used), key=lambda one: one.id)
    order = tuple(labels or (one.name for one in categories))
    strangers = [one.name for one in categories if one.name not in order]
    if strangers:
        raise ImageDataError(
            f"COCO file {path} has boxes of categories that the model does not know: {listed(strangers)}. "
            f"The model knows {listed(order, 12)}. Rename the categories, or pass --labels."
        )
    index = {one.id: order.index(one.name) for one in categories}
    folder, missing = _folder_of(path, photos, coco.images)
    refuse(
        f"COCO file {path} lists {len(coco.images)} photos, of which {len(missing)} cannot be found in {folder}:",
        missing,
        "Put them there, or take them out of the file.",
    )
    rows: dict[int | str, list[tuple[list[float], int, bool]]] = {one.id: [] for one in coco.images}
    for one in coco.annotations:
        left, top, width, height = one.bbox
        box = [left, top, left + width, top + height]
        rows[one.image_id].append((box, index[one.category_id], bool(one.iscrowd)))
    truth = [photo_boxes(folder / one.file_name, rows[one.id], (one.width, one.height)) for one in coco.images]
    return LabelledPhotos(path, tuple(folder / one.file_name for one in coco.images), truth, order)


def _read(path: Path) -> _Coco:
    try:
        content = parse_json(path.read_bytes())
        return TypeAdapter(_Coco).validate_python(content)
    except Unreadable as error:
        raise ImageDataError(*error.about(f"COCO file {path}")) from error
    except OSError as error:
        raise ImageDataError(f"COCO file {path} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        listed = [str(fault) for fault in faults(_Coco, error)]
        refuse(
            f"{path} is not a COCO file of boxes:", listed, "Export the labels again as COCO JSON, object detection."
        )
        raise


def _refuse_contradictions(path: Path, coco: _Coco) -> None:
    if not coco.images:
        raise ImageDataError(f"COCO file {path} lists no photos.")
    if not coco.annotations:
        raise ImageDataError(f"COCO file {path} has no boxes: nothing can be scored.")
    images, categories = {one.id for one in coco.images}, {one.id for one in coco.categories}
    found = [f"image {one!r} is listed {count} times" for one, count in _twice(one.id for one in coco.images)]
    files = [name for _, name in dict.fromkeys((one.id, posixpath.normpath(one.file_name)) for one in coco.images)]
    found += [f"the photo {one!r} is that of {count} images" for one, count in _twice(files)]
    found += [f"category {one} is listed {count} times" for one, count in _twice(one.id for one in coco.categories)]
    found += [f"two categories are called {one!r}" for one, _ in _twice(one.name for one in coco.categories)]
    for number, one in enumerate(coco.annotations):
        where = f"annotations.{number}"
        if one.image_id not in images:
            found.append(f"{where}: image {one.image_id!r} is not listed")
        if one.category_id not in categories:
            found.append(f"{where}: category {one.category_id} is not listed")
        if not all(map(math.isfinite, one.bbox)) or min(one.bbox[2:]) <= 0:
            found.append(f"{where}: bbox {list(one.bbox)} (left, top, width, height) is empty")
    refuse(f"COCO file {path} contradicts itself:", found, "Correct these entries, or take them out.")


def _twice(values: Iterable[int | str]) -> list[tuple[int | str, int]]:
    return [(one, count) for one, count in Counter(values).items() if count > 1]


def _folder_of(path: Path, photos: Path, images: Sequence[_Image]) -> tuple[Path, list[str]]:
    """The folder with the most of the photos, and those that are not there."""
    folders = dict.fromkeys((photos, path.parent, path.with_suffix(""), path.parent / "images", photos / "images"))
    missing = {folder: [one.file_name for one in images if _is_missing(folder, one.file_name)] for folder in folders}
    best = min(missing, key=lambda folder: len(missing[folder]))
    return best, missing[best]


def _is_missing(folder: Path, name: str) -> bool:
    try:
        return bool(other_kind(folder / name))
    except (OSError, ValueError):  # a name that no file can have
        return True
