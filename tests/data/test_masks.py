"""Masks of every kind that data sets have, and what is wrong with those that cannot be compared."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ca_deploy.data.colour_table import read_colours
from ca_deploy.data.masks import IGNORED, labelled_masks
from ca_deploy.errors import ImageDataError

VALUES: NDArray[np.uint8] = np.array([[0, 1, 2], [2, 1, 255]], np.uint8)
RGB = {0: (128, 128, 128), 1: (128, 0, 0), 2: (0, 0, 64), 255: (0, 0, 0)}
COLOURS = "[colours]\nsky = [128, 128, 128]\nroad = [128, 0, 0]\ncar = [0, 0, 64]\nvoid = [0, 0, 0]\n"
LABELS = ["sky", "road", "car"]
SEEN = [[0, 1, 2], [2, 1, IGNORED]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    Image.new("RGB", (3, 2)).save(tmp_path / "images" / "a.png")
    return tmp_path


def pictured() -> Image.Image:
    return Image.fromarray(np.array([[RGB[int(value)] for value in row] for row in VALUES], np.uint8))


def palette() -> Image.Image:
    image = Image.fromarray(VALUES).convert("P")
    image.putdata(VALUES.ravel().tolist())
    image.putpalette([number for value in range(256) for number in (value, 255 - value, 7)])
    return image


@pytest.mark.parametrize(
    "made",
    [
        lambda: Image.fromarray(VALUES),
        palette,
        lambda: Image.fromarray(VALUES.astype(np.uint16)),
        lambda: Image.fromarray(VALUES).convert("RGB"),
    ],
    ids=["grey", "palette", "16 bits", "grey as a picture"],
)
def test_values_are_classes(root: Path, made: Callable[[], Image.Image]) -> None:
    made().save(root / "masks" / "a.png")
    found = labelled_masks(root, None, 3)
    assert found.labels == ("0", "1", "2")
    assert found.truth[0].read((3, 2)).tolist() == SEEN


def test_colours_are_classes_by_name(root: Path) -> None:
    pictured().save(root / "masks" / "a_mask.png")
    (root / "masks.toml").write_text('ignore = ["void"]\n' + COLOURS)
    assert labelled_masks(root, LABELS, 3).truth[0].read((3, 2)).tolist() == SEEN
    swapped = labelled_masks(root, ["car", "road", "sky"], 3).truth[0].read((3, 2))
    assert swapped.tolist() == [[2, 1, 0], [0, 1, IGNORED]]
    assert labelled_masks(root, None, None).labels == ("sky", "road", "car")


def test_colours_are_read_from_what_data_sets_bring(root: Path) -> None:
    pictured().save(root / "masks" / "a.png")
    for text in (
        "name,r,g,b\nsky,128,128,128\nroad,128,0,0\ncar,0,0,64\nvoid,0,0,0\n",
        "# label:color_rgb:parts:actions\nsky:128,128,128::\nroad:128,0,0::\ncar:0,0,64::\nvoid:0,0,0::\n",
        "128 128 128\tsky\n128 0 0\t\troad\n0 0 64\tcar\n0 0 0\tvoid\n",
    ):
        (root / "colours.txt").write_text(text)
        (root / "masks.toml").write_text('ignore = ["void"]\ncolours = "colours.txt"\n')
        assert labelled_masks(root, LABELS, 3).truth[0].read((3, 2)).tolist() == SEEN
    for text, said in (
        ("sky,300,0,0", "line 1: 300,0,0 is not a colour"),
        ("sky,1,2,3\ncar,1,2,3", "line 2: car or its colour stands there twice"),
        ("sky 1 2", "has no colours"),
    ):
        (root / "colours.txt").write_text(text)
        with pytest.raises(ImageDataError, match=said):
            read_colours(root / "colours.txt")
    with pytest.raises(ImageDataError, match="does not exist"):
        read_colours(root / "missing.txt")


def test_a_toml_names_other_places_and_what_does_not_count(root: Path) -> None:
    (root / "masks").rename(root / "truth")
    Image.fromarray(VALUES).save(root / "truth" / "a_L.png")
    path = root / "val.toml"
    path.write_text('images = "images"\nmasks = "truth"\nignore = [1, 255]\n')
    assert labelled_masks(path, None, 3).truth[0].read((3, 2)).tolist() == [[0, IGNORED, 2], [2, IGNORED, IGNORED]]


def test_what_cannot_be_compared_is_refused_with_the_remedy(root: Path) -> None:
    def said(toml: str | None = None, labels: list[str] | None = None, classes: int | None = 3) -> str:
        (root / "masks.toml").unlink(missing_ok=True)
        if toml is not None:
            (root / "masks.toml").write_text(toml)
        with pytest.raises(ImageDataError) as caught:
            labelled_masks(root, labels, classes).truth[0].read((3, 2))
        return str(caught.value)

    place = root / "masks" / "a.png"
    (root / "masks" / "b.png").write_bytes(b"")
    assert "1 of 1 photos in" in said()
    assert "have no mask in" in said()
    place.write_bytes(b"no image")
    assert "cannot be read" in said()
    Image.fromarray(VALUES).resize((6, 4)).save(place)
    assert "has 6x4 px (width x height), and its photo a.png 3x2." in said()
    Image.fromarray(VALUES.T).save(place)
    assert "has 2x3 px (width x height), and its photo a.png 3x2. Give" in said()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (2, 3)).save(root / "images" / "a.png", exif=exif)
    assert "photo a.png 3x2. The photo is turned by its EXIF data: save it upright. Give" in said()
    Image.fromarray(VALUES).save(place)
    assert "has the value 2, and the model's 2 classes are 0 to 1" in said(classes=2)
    assert "ignore = [2, 255]" in said(classes=2)
    assert "The model has 4 classes, and --labels of" in said(labels=LABELS, classes=4)
    assert "gives a class map, which does not say how many" in said(classes=None)
    assert "there are no [colours] with names" in said('ignore = ["void"]\n')
    assert "ignroe" in said("ignroe = [1]\n")
    assert "is not valid TOML" in said("[")
    for toml, fault in (
        (
            "[colours]\nsky = [1, 2, 300]\nroad = [1, 2, 3]\n",
            "colours: sky: [1, 2, 300] is not possible: it has to be three",
        ),
        ("colours = 3\n", "colours: 3 is not possible: it has to be a table of names"),
        ('[colours]\nsky = "blue"\n', "colours: sky: 'blue' is not possible: it has to be three whole numbers"),
        ("ignore = [255, 11.0]\n", "ignore.1: 11.0 is not possible: it has to be a whole number or a name."),
        ("ignore = [true]\n", "ignore.0: True is not possible: it has to be a whole number or a name."),
    ):
        assert f"has 1 error(s):\n  {fault}" in said(toml)
    pictured().save(place)
    assert "is a picture (RGB), whose colours mean classes" in said()
    assert "[colours] names void, which the model does not know" in said(COLOURS, LABELS)
    assert "has no colour for car" in said(COLOURS.replace("car", "bus"), LABELS)
    assert "the same colour" in said(COLOURS + "more = [0, 0, 0]\n", LABELS)
    other = 'ignore = ["void"]\n' + COLOURS.replace("[0, 0, 64]", "[0, 0, 65]")
    assert "has the colour (0, 0, 64) (R, G, B), which is in no line" in said(other, LABELS)
    with pytest.raises(ImageDataError, match="has no folder images and no masks"):
        labelled_masks(root / "images", None, 3)
    with pytest.raises(ImageDataError, match=r"no \.toml that names them"):
        labelled_masks(place, None, 3)
    (root / "masks" / "a.bmp").write_bytes(place.read_bytes())
    assert "have the same name" in said()
