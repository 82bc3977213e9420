"""A YOLO dataset as its YAML file describes it."""

import logging
from pathlib import Path

import numpy as np
import pytest

from ca_deploy.data.labelled_boxes import labelled_boxes
from ca_deploy.errors import ImageDataError
from tests.data.test_labelled_boxes import LABELS, as_yolo

# Each line has the one before nine times: 3e11 strings, if anybody writes them out.
BOMB = "k0: &a0 [x]\n" + "".join(f"k{n}: &a{n} [{', '.join(9 * [f'*a{n - 1}'])}]\n" for n in range(1, 13))


def dataset(root: Path, text: str, folder: str = "valid") -> Path:
    as_yolo(root / folder)
    (root / "train" / "images").mkdir(parents=True)
    (root / "data.yaml").write_text(text)
    return root / "data.yaml"


@pytest.mark.parametrize(
    "text",
    [
        "val: valid/images\nnames: [cat, dog]",
        "path: .\ntrain: train/images\nval: valid/images\nnames: {0: cat, 1: dog}",
        "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['cat', 'dog']\nroboflow: {version: 1}",
        "path: elsewhere\nval: [valid/images]\nnames: {1: dog, 0: cat}",
        "val: valid/list.txt\nnames:\n  - cat\n  - dog",
        "val:\ntest: valid\nnames: [cat, dog]",
    ],
    ids=["short", "ultralytics", "roboflow", "several", "list", "test"],
)
def test_a_dataset_is_read_from_its_description(text: str, tmp_path: Path) -> None:
    file = dataset(tmp_path, text)
    (tmp_path / "valid" / "list.txt").write_text("images/a.jpg\nimages/b.jpg\n")
    found, plain = labelled_boxes(file, None), labelled_boxes(tmp_path / "valid", LABELS)
    assert found.labels == LABELS
    assert [path.resolve() for path in found.paths] == [path.resolve() for path in plain.paths]
    for one, other in zip(found.truth, plain.truth, strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.classes, other.classes)


def test_names_in_another_order_than_the_models(tmp_path: Path) -> None:
    file = dataset(tmp_path, "val: valid/images\nnames: [dog, cat]")
    mine, theirs = labelled_boxes(as_yolo(tmp_path / "plain" / "set"), LABELS), labelled_boxes(file, LABELS)
    assert [list(1 - one.classes) for one in theirs.truth] == [list(one.classes) for one in mine.truth]


def test_a_folder_with_a_description_stands_for_what_that_names(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset(tmp_path, "val: valid/images\nnames: [cat, dog]")
    with caplog.at_level(logging.WARNING):
        assert len(labelled_boxes(tmp_path, None).paths) == 2
    assert "data.yaml describes" in caplog.text
    for place in ("valid", "valid/images"):  # named by the file in a folder above
        assert labelled_boxes(tmp_path / place, None).labels == LABELS


def test_names_are_what_is_written(tmp_path: Path) -> None:
    file = dataset(tmp_path, "val: valid/images\nnames: [no, 1:30]")
    assert labelled_boxes(file, None).labels == ("no", "1:30")


def test_a_photo_counts_once(tmp_path: Path) -> None:
    file = dataset(tmp_path, "val: [valid/images, valid/../valid/images]\nnames: [cat, dog]")
    assert len(labelled_boxes(file, None).paths) == 2


def test_another_yaml_is_no_description(tmp_path: Path) -> None:
    root = as_yolo(tmp_path / "set")
    (root / "data.yaml").write_text("train: images\nnames: [dog, cat]")
    for place, text in ((root, "class_names: x"), (root, "names: [a"), (tmp_path, "hostnames: [names: x]")):
        (place / "other.yaml").write_text(text)
    (tmp_path / "data.yaml").write_text("- 1")
    found = labelled_boxes(root, LABELS)
    assert len(found.paths) == 2
    assert [list(one.classes) for one in found.truth] == [
        list(1 - one.classes) for one in labelled_boxes(as_yolo(tmp_path / "plain"), LABELS).truth
    ]
    (root / "too.yml").write_text("train: images\nnames: [dog, cat]")
    with pytest.raises(ImageDataError, match=r"several descriptions of a dataset: data\.yaml, too\.yml"):
        labelled_boxes(root, LABELS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("names: [cat, dog]", "names no photos to validate on"),
        ("val: {a: b}\nnames: [cat, dog]", "names no photos to validate on"),
        ("val: nowhere\nnames: [cat, dog]", r"nowhere is no folder, .*nowhere\. Correct `path` and `val`"),
        ("val: valid/lost.txt\nnames: [cat, dog]", r"lists 'images/c\.jpg', and that is no photo at"),
        ("val: valid", "does not name the classes"),
        ("val: valid\nnames: cat", "does not name the classes"),
        ("val: valid\nnames: {0: cat, 2: dog}", "have to be 0 to 1"),
        ("val: valid\nnc: 3\nnames: [cat, dog]", "has 2 names, and says nc: 3"),
        ("val: valid\nnames: [cat, cat]", "names several classes alike: cat"),
        ("val: valid\nnames: [[cat], dog]", "does not name the classes"),
        ("path: [a]\nval: valid\nnames: [cat, dog]", "names no photos to validate on"),
        ("val: valid\\images\nnames: [cat, dog]", "Write / in paths"),
        (f"val: {'x' * 300}\nnames: [cat, dog]", "is no folder, and no list"),
        ("val: data.yaml\nnames: [cat, dog]", "and that is no photo at"),
        ("val: /dev/null\nnames: [cat, dog]", "is no folder, and no list"),
        (f"val: valid\nnames: [{'0x' + 'F' * 5000}, dog]", "does not know"),
        (f"{BOMB}val: valid\nnames: [cat, dog]\npath: *a12", "names no photos to validate on"),
        ("val: valid\nnames: [bird, dog]", "classes that the model does not know"),
        ("[1, 2]", "does not describe a dataset"),
        ("val: [", "cannot be read as YAML"),
        ("\x00", "cannot be read as YAML"),
        ("[" * 2000, "cannot be read as YAML"),
    ],
)
def test_what_is_wrong_in_a_description_is_named(text: str, said: str, tmp_path: Path) -> None:
    file = dataset(tmp_path, text)
    (tmp_path / "valid" / "lost.txt").write_text("images/c.jpg\n")
    with pytest.raises(ImageDataError, match=said):
        labelled_boxes(file, LABELS)
