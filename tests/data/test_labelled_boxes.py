"""Labelled boxes in COCO JSON, Pascal VOC XML and YOLO text: the same truth, and what is wrong is named."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ca_deploy.data.labelled_boxes import labelled_boxes
from ca_deploy.errors import ImageDataError

LABELS = ("cat", "dog")
SIZE = (80, 40)
BOXES = {"a.jpg": [("dog", (8, 4, 40, 30))], "b.jpg": [("cat", (0, 0, 20, 40)), ("dog", (10, 10, 80, 40))]}


def photos(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in BOXES:
        Image.new("RGB", SIZE).save(folder / name)
    return folder


def coco() -> dict[str, Any]:
    images = [{"id": n, "file_name": name, "width": 80, "height": 40} for n, name in enumerate(BOXES, 7)]
    rows = [(n, *row) for n, rows in enumerate(BOXES.values(), 7) for row in rows]
    return {
        "info": {"year": 2026},
        "images": images,
        "annotations": [
            {
                "id": n,
                "image_id": image,
                "category_id": 3 if name == "cat" else 5,
                "bbox": [x, y, r - x, b - y],
                "area": 1,
            }
            for n, (image, name, (x, y, r, b)) in enumerate(rows)
        ],
        "categories": [{"id": 5, "name": "dog"}, {"id": 3, "name": "cat"}, {"id": 0, "name": "pets"}],
    }


def as_coco(root: Path, change: Callable[[dict[str, Any]], object] = lambda content: None) -> Path:
    photos(root / "val")
    content = coco()
    change(content)
    (root / "val.json").write_text(json.dumps(content))
    return root / "val.json"


def as_voc(root: Path, change: Callable[[str], str] = lambda text: text) -> Path:
    photos(root / "JPEGImages")
    (root / "Annotations").mkdir()
    for name, rows in BOXES.items():
        objects = "".join(
            f"<object><name>{kind}</name><bndbox><xmin>{x + 1}</xmin><ymin>{y + 1}</ymin>"
            f"<xmax>{r}</xmax><ymax>{b}</ymax></bndbox></object>"
            for kind, (x, y, r, b) in rows
        )
        text = f"<annotation><size><width>80</width><height>40</height></size>{objects}</annotation>"
        (root / "Annotations" / name.replace("jpg", "xml")).write_text(change(text))
    return root


def as_yolo(root: Path, change: Callable[[str], str] = lambda text: text) -> Path:
    photos(root / "images")
    (root / "labels").mkdir()
    for name, rows in BOXES.items():
        lines = [
            f"{LABELS.index(kind)} {(x + r) / 160} {(y + b) / 80} {(r - x) / 80} {(b - y) / 40}\n"
            for kind, (x, y, r, b) in rows
        ]
        (root / "labels" / name.replace("jpg", "txt")).write_text(change("".join(lines)))
    return root


@pytest.mark.parametrize("write", [as_coco, as_voc, as_yolo])
@pytest.mark.parametrize("labels", [LABELS, None])
def test_all_forms_give_the_same_truth(
    write: Callable[[Path], Path], labels: tuple[str, ...] | None, tmp_path: Path
) -> None:
    root = write(tmp_path)
    if write is as_yolo and labels is None:
        (root / "classes.txt").write_text("cat\ndog\n")
    found = labelled_boxes(root, labels)
    assert found.labels == LABELS
    assert [path.name for path in found.paths] == list(BOXES)
    assert all(path.is_file() for path in found.paths)
    for truth, rows in zip(found.truth, BOXES.values(), strict=True):
        assert truth.in_pixels(SIZE) == pytest.approx(np.array([box for _, box in rows]), abs=1e-4)
        assert [LABELS[kind] for kind in truth.classes] == [name for name, _ in rows]


def test_a_folder_finds_its_coco_file_beside_or_in_it(tmp_path: Path) -> None:
    file = as_coco(tmp_path)
    assert len(labelled_boxes(tmp_path / "val", LABELS).paths) == 2
    file.rename(tmp_path / "val" / "_annotations.coco.json")
    assert len(labelled_boxes(tmp_path / "val", LABELS).paths) == 2
    (tmp_path / "val" / "more.json").write_text("{}")
    with pytest.raises(ImageDataError, match=r"several \.json files: _annotations\.coco\.json, more\.json"):
        labelled_boxes(tmp_path / "val", LABELS)


def first(content: dict[str, Any], **changed: Any) -> None:
    content["annotations"][0].update(changed)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["images"][0].update(file_name="none.jpg"), r"2 photos, of which 1 cannot be .*\n  none\.jpg"),
        (lambda c: c["images"][0].update(file_name="no\0name"), "1 cannot be found"),
        (lambda c: first(c, bbox=[1, 1, 0, 5]), r"annotations\.0: bbox \[1\.0, 1\.0, 0\.0, 5\.0\] .* is empty"),
        (lambda c: first(c, bbox=[1, 1, float("nan"), 5]), r"annotations\.0: bbox .* is empty"),
        (lambda c: first(c, bbox=[]), r"not a COCO file of boxes:\n  annotations\.0\.bbox"),
        (lambda c: first(c, category_id=4), r"annotations\.0: category 4 is not listed"),
        (lambda c: first(c, image_id=99), r"annotations\.0: image 99 is not listed"),
        (lambda c: c["categories"][0].update(name="cow"), r"does not know: cow\. The model knows cat, dog"),
        (lambda c: c["categories"][0].update(name="cat"), "two categories are called 'cat'"),
        (lambda c: c["images"].append(c["images"][0]), "image 7 is listed 2 times"),
        (lambda c: c["images"][1].update(file_name="./a.jpg"), r"itself:\n  the photo 'a\.jpg' is that of 2"),
        (lambda c: first(c, bbox=[True, 1, 2, 3]), r"annotations\.0\.bbox\.0: True is not possible: it .* a number"),
        (lambda c: first(c, category_id=True), r"boxes:\n  annotations\.0\.category_id: True is not possible"),
        (lambda c: first(c, image_id=None), r"boxes:\n  annotations\.0\.image_id: None is not .* number or a text"),
        (lambda c: c["images"][0].update(width="80"), r"images\.0\.width: '80' is not possible"),
        (lambda c: c["images"].clear(), "lists no photos"),
        (lambda c: c["annotations"].clear(), "has no boxes"),
        (lambda c: c.pop("images"), r"not a COCO file of boxes:\n  images"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_coco_file_is_named(
    change: Callable[[dict[str, Any]], object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ImageDataError, match=said):
        labelled_boxes(as_coco(tmp_path, change), LABELS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("dog", "cow"), r"do.*not know:\n  a\.xml: the model does not know 'cow'"),
        (lambda text: text.replace("<xmax>40", "<xmax>9"), r"a\.xml: the box of object 0 \(dog\) is empty|a\.xml"),
        (lambda text: text.replace("<xmax>", "<xmax>wide"), r"a\.xml: object 0 lacks"),
        (lambda text: text[:50], r"a\.xml: it is not XML"),
        (lambda text: '<!DOCTYPE x [<!ENTITY y "z">]>' + text, "declares entities"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_voc_file_is_named(change: Callable[[str], str], said: str, tmp_path: Path) -> None:
    as_voc(
        tmp_path, lambda text: change(text.replace("<xmax>40</xmax>", "<xmax>8</xmax>") if "is empty" in said else text)
    )
    with pytest.raises(ImageDataError, match=said):
        labelled_boxes(tmp_path, LABELS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("1 ", "2 ", 1), r"a\.txt, line 1: class 2 of 2 \(0 to 1\)"),
        (lambda text: text.replace("0.", "300."), "parts of the photo's sides"),
        (lambda text: "1 0.5 0.5 0.0 0.1", "the box is empty"),
        (lambda text: "1 0.5 0.5 0.1", "3 values after the class"),
        (lambda text: "dog 0.5 0.5 0.1 0.1", "not numbers: 'dog"),
        (lambda text: "", "No photo below"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_yolo_file_is_named(change: Callable[[str], str], said: str, tmp_path: Path) -> None:
    with pytest.raises(ImageDataError, match=said):
        labelled_boxes(as_yolo(tmp_path, change), LABELS)


def test_photos_and_labels_that_lack_each_other(tmp_path: Path) -> None:
    with pytest.raises(ImageDataError, match="has no labelled boxes"):
        labelled_boxes(photos(tmp_path / "only"), LABELS)
    with pytest.raises(ImageDataError, match=r"is not a \.json or \.yaml file"):
        labelled_boxes(photos(tmp_path / "only") / "a.jpg", LABELS)
    with pytest.raises(ImageDataError, match="does not exist"):
        labelled_boxes(tmp_path / "none.json", LABELS)
    root = as_voc(tmp_path / "voc")
    (root / "JPEGImages" / "a.jpg").unlink()
    with pytest.raises(ImageDataError, match=r"1 labels in .* have no photo:\n  Annotations/a\.xml"):
        labelled_boxes(root, LABELS)


def test_labels_of_yolo_without_a_photo_are_refused(tmp_path: Path) -> None:
    root = as_yolo(tmp_path)
    (root / "README.txt").write_bytes(b"7 photos of pets, caf\xe9")
    (root / "val.txt").write_text("images/a.jpg\nimages/b.jpg\n")
    labelled_boxes(root, LABELS)
    for place, text in ((root / "labels", "0 0.5 0.5 0.1 0.1\n"), (root / "labels", ""), (root, "1 0.5 0.5 1 1")):
        (place / "ghost.txt").write_text(text)
        with pytest.raises(ImageDataError, match=r"1 labels in .* have no photo:\n  (labels/)?ghost\.txt"):
            labelled_boxes(root, LABELS)
        (place / "ghost.txt").unlink()


@pytest.mark.parametrize(
    ("write", "labels", "said"),
    [
        (as_yolo, "labels/b.txt", "1 of 2 photos below .* have no .txt file, and count as showing nothing"),
        (as_voc, "Annotations/b.xml", "1 of 2 photos in .* have no .xml file, and are left out"),
    ],
)
def test_photos_without_labels_are_said(
    write: Callable[[Path], Path], labels: str, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = write(tmp_path)
    labelled_boxes(root, LABELS)
    assert not caplog.messages
    (root / labels).unlink()
    assert len(labelled_boxes(root, LABELS).paths) == (2 if write is as_yolo else 1)
    (line,) = caplog.messages
    assert re.search(said, line)


def test_a_photo_is_called_turned_only_where_its_orientation_says_so(tmp_path: Path) -> None:
    truth = labelled_boxes(as_coco(tmp_path), LABELS).truth[0]
    for orientation in (None, 3, 6):
        exif = Image.Exif()
        if orientation:
            exif[0x0112] = orientation
        Image.new("RGB", SIZE).save(truth.photo, exif=exif)
        with pytest.raises(ImageDataError) as caught:
            truth.in_pixels(SIZE[::-1])
        assert ("turned by its EXIF" in str(caught.value)) == (orientation == 6)


def test_the_classes_that_are_not_shown_are_counted(tmp_path: Path) -> None:
    labels = tuple(map(str, range(80)))
    (tmp_path / "yolo" / "classes.txt").parent.mkdir()
    (tmp_path / "yolo" / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "voc").mkdir()
    for root in (as_coco(tmp_path), as_voc(tmp_path / "voc"), as_yolo(tmp_path / "yolo")):
        with pytest.raises(ImageDataError, match=r"The model knows 0, 1, .*, 11 and 68 more\."):
            labelled_boxes(root, labels)


def test_a_polygon_counts_by_its_bounding_box(tmp_path: Path) -> None:
    found = labelled_boxes(as_yolo(tmp_path, lambda text: "0 0.1 0.2 0.5 0.3 0.4 0.8"), LABELS)
    assert found.truth[0].in_pixels((100, 100)) == pytest.approx(np.array([[10, 20, 50, 80]]))


def test_masks_of_a_voc_tree_are_no_photos_and_two_of_a_name_are_told_apart_by_nobody(tmp_path: Path) -> None:
    root = as_voc(tmp_path)
    expected = labelled_boxes(root, LABELS).paths
    for folder in ("SegmentationClass", "SegmentationObject"):
        (root / folder).mkdir()
        Image.new("P", (8, 8)).save(root / folder / f"{expected[0].stem}.png")
    assert labelled_boxes(root, LABELS).paths == expected
    Image.new("RGB", (8, 8)).save(root / f"{expected[0].stem}.webp")
    with pytest.raises(ImageDataError, match="have the same name"):
        labelled_boxes(root, LABELS)
