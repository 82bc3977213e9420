"""Photos with masks, a value or a colour per pixel: ``images/`` beside ``masks/``, or a TOML that names both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.data.colour_table import Colour, read_colours
from ca_deploy.data.folders import images_below
from ca_deploy.data.image_file import opened, turned_hint
from ca_deploy.data.labelled import LabelledPhotos
from ca_deploy.errors import ImageDataError, listed
from ca_deploy.records.codec import Unreadable, decode, parse_toml
from ca_deploy.records.mask_set import MaskSet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

IGNORED = -1
_TOML = "masks.toml"
_ENDINGS = ("", "_mask", "_L")  # of the names of masks, behind that of the photo
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Meaning:
    """What masks mean: ``classes`` is their number, ``ignored`` are values that do not count, and ``colours`` maps
    those of pictures to a class or :data:`IGNORED`; None where masks have values."""

    classes: int
    ignored: frozenset[int]
    colours: Mapping[Colour, int] | None = None


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask file, read when it is compared."""

    path: Path
    photo: Path
    meaning: Meaning

    def read(self, size: tuple[int, int]) -> "NDArray[np.int64]":
        """The class of each pixel ``(H, W)`` of a photo of ``size``, width and height; :data:`IGNORED` does not count.

        Raises:
            ImageDataError: it is no image, has another size, or values that are no class.
        """
        import numpy as np

        with opened(self.path) as image:
            if image.size != size:
                found, wanted = ("x".join(map(str, one)) for one in (image.size, size))
                hint = turned_hint(self.photo) if image.size == size[::-1] else ""
                raise ImageDataError(
                    f"Mask {self.path} has {found} px (width x height), and its photo {self.photo.name} {wanted}."
                    f"{hint} Give them the same size; masks are resized without interpolation."
                )
            values = self._values(image)
        kept = np.where(np.isin(values, list(self.meaning.ignored)), IGNORED, values)
        if ((kept >= self.meaning.classes) | (kept < IGNORED)).any():
            strange = np.unique(kept[(kept >= self.meaning.classes) | (kept < IGNORED)])
            raise ImageDataError(
                f"Mask {self.path} has the value {listed(strange.tolist())}, and the model's {self.meaning.classes} "
                f"classes are 0 to {self.meaning.classes - 1}. Name what does not count in a TOML: ignore = "
                f"{sorted({*self.meaning.ignored, *strange.tolist()[:_SHOWN]})} (docs/segmentation.md)."
            )
        return kept

    def _values(self, image: "Image.Image") -> "NDArray[np.int64]":
        import numpy as np

        if self.meaning.colours is None:
            values = np.asarray(image, np.int64)
            if values.ndim == 3 and (values[..., :3] == values[..., :1]).all():
                values = values[..., 0]  # grey, saved as a picture
            if values.ndim != 2:
                raise ImageDataError(
                    f"Mask {self.path} is a picture ({image.mode}), whose colours mean classes. Say which in a TOML "
                    "with [colours] (docs/segmentation.md), or save masks with one value per class."
                )
            return values
        pixels = np.asarray(image.convert("RGB"), np.int64)
        codes, place = np.unique(pixels @ np.array([1 << 16, 1 << 8, 1]), return_inverse=True)
        triples = [(int(code) >> 16, int(code) >> 8 & 255, int(code) & 255) for code in codes]
        if strange := [colour for colour in triples if colour not in self.meaning.colours]:
            raise ImageDataError(
                f"Mask {self.path} has the colour {listed(strange)} (R, G, B), which is in no line of [colours]. Add "
                "it there, and to ignore where it does not count. JPEG changes colours: save masks as PNG."
            )
        classes = np.array([self.meaning.colours[colour] for colour in triples], np.int64)
        return classes[place.reshape(pixels.shape[:2])]


def labelled_masks(root: Path, labels: Sequence[str] | None, classes: int | None) -> LabelledPhotos[Mask]:
    """Read the folder or the TOML at ``root``; the model has ``classes``, with these ``labels`` in their order.

    Raises:
        ImageDataError: photos or masks are missing, a colour means no class, or the number of classes is unknown.
    """
    place, found = _mask_set(root)
    table = read_colours(place / found.colours) if isinstance(found.colours, Path) else found.colours
    ignored_names = [name for name in found.ignore if isinstance(name, str)]
    if labels is None and table is not None:
        labels = [name for name in table if name not in ignored_names]
    count = len(labels) if labels is not None else classes
    if count is None:
        raise ImageDataError(
            f"{root}: the model gives a class map, which does not say how many classes there are. Pass their names, "
            "one per line, with --labels."
        )
    if classes is not None and classes != count:
        raise ImageDataError(
            f"The model has {classes} classes, and {'[colours]' if table else '--labels'} of {root} names {count}. "
            "Name all of the model's, the background too, in its order."
        )
    names = tuple(labels) if labels is not None else tuple(map(str, range(count)))
    colours = _classes_of(root, table, names, ignored_names) if table is not None else None
    if colours is None and ignored_names:
        raise ImageDataError(f"{root}: ignore names {listed(ignored_names)}, but there are no [colours] with names.")
    meaning = Meaning(count, frozenset(value for value in found.ignore if isinstance(value, int)), colours)
    return LabelledPhotos(root, *_pairs(place / found.images, place / found.masks, meaning), names)


def _mask_set(root: Path) -> tuple[Path, MaskSet]:
    """The folder that paths are relative to, and the set."""
    if root.is_dir() and not (root / _TOML).is_file():
        if lacking := [name for name in ("images", "masks") if not (root / name).is_dir()]:
            raise ImageDataError(
                f"Data folder {root} has no folder {' and no '.join(lacking)}. Photos are in images/, and their masks "
                "in masks/ under the same names; a TOML names other places (docs/segmentation.md)."
            )
        return root, MaskSet()
    path = root / _TOML if root.is_dir() else root
    if path.suffix.lower() != ".toml":
        raise ImageDataError(f"Data {path} is no folder with images/ and masks/, and no .toml that names them.")
    try:
        return path.parent, decode(MaskSet, parse_toml(path))
    except Unreadable as error:
        raise ImageDataError(*error.about(f"Masks {path}")) from error


def _classes_of(
    root: Path, table: Mapping[str, Colour], labels: Sequence[str], ignored: Sequence[str]
) -> dict[Colour, int]:
    if twice := {name for name, colour in table.items() if list(table.values()).count(colour) > 1}:
        raise ImageDataError(f"{root}: [colours] gives {listed(sorted(twice))} the same colour.")
    strangers = [name for name in table if name not in labels and name not in ignored]
    lacking = [name for name in (*labels, *ignored) if name not in table]
    if strangers or lacking:
        faults = [f"names {listed(strangers)}, which the model does not know"] if strangers else []
        faults += [f"has no colour for {listed(lacking)}"] if lacking else []
        raise ImageDataError(
            f"{root}: [colours] {' and '.join(faults)}. The model's classes are {listed(labels, 12)}: use "
            "these names (--labels gives others), and list what does not count in ignore."
        )
    return {colour: IGNORED if name in ignored else labels.index(name) for name, colour in table.items()}


def _pairs(images: Path, masks: Path, meaning: Meaning) -> tuple[tuple[Path, ...], list[Mask]]:
    photos = images_below(images).paths
    by_name: dict[str, Path] = {}
    for path in images_below(masks).paths:
        name = path.relative_to(masks).with_suffix("").as_posix()
        if name in by_name:
            raise ImageDataError(f"Masks {by_name[name]} and {path} have the same name. Keep one of them.")
        by_name[name] = path
    found, lacking = [], []
    for photo in photos:
        name = photo.relative_to(images).with_suffix("").as_posix()
        mask = next((by_name[name + ending] for ending in _ENDINGS if name + ending in by_name), None)
        if mask is None:
            lacking.append(photo.name)
        else:
            found.append(Mask(mask, photo, meaning))
    if lacking:
        raise ImageDataError(
            f"{len(lacking)} of {len(photos)} photos in {images} have no mask in {masks}: {listed(lacking)}. A mask "
            f"has the photo's name, or that with {' or '.join(_ENDINGS[1:])} behind it."
        )
    return photos, found
