"""Calibration sets: a shipped TOML, a TOML by path, or any folder of images.

A set has two disjoint parts: calibration images, and held-out images for the parity check. Images are ordered by
their hashes, so that two machines export the same file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.data.bit_depth import bit_depth
from ca_deploy.data.folders import images_below
from ca_deploy.data.images import ImageBatch, ImageFile, hash_images, load_batch
from ca_deploy.errors import ImageDataError
from ca_deploy.files import sha256_of, sha256_of_bytes
from ca_deploy.records.calibration import CalibrationSpec, Domain
from ca_deploy.records.codec import Unreadable, decode, parse_toml
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.shipped import data_files, find_data_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLDER = "calibration"
NOT_YOUR_DOMAIN = "scikit_image"
DEFAULT_COUNT = 200
HELD_OUT = 32
FEW = 100
_MANY = 5000  # images of a folder, which are all read; of more, a multiple of those that are needed
_FEWEST_HASHED = 8

# Photos in every scikit-image wheel (CC0 or public domain), of which one is only used for parity.
_CALIBRATION_PHOTOS = ("astronaut", "coffee", "rocket", "hubble_deep_field", "retina", "immunohistochemistry")
_HELD_OUT_PHOTOS = ("chelsea",)


@dataclass(frozen=True, slots=True)
class CalibrationSet:
    """The loaded images of both parts, with warnings for the manifest."""

    name: str
    domain: Domain
    calibration: ImageBatch
    held_out: ImageBatch
    warnings: tuple[str, ...]


def calibration_names() -> list[str]:
    """Names of the calibration sets that ship with ca-deploy."""
    return [path.stem for path in data_files(FOLDER, ".toml")]


def load_spec(name: str) -> CalibrationSpec:
    """A shipped set by name, a TOML by path, or a folder of images by path.

    Raises:
        UsageError: there is no set of that name.
        ImageDataError: the TOML is malformed; the message lists every error.
    """
    if Path(name).is_dir():
        folder = Path(name)
        return CalibrationSpec(
            folder.resolve().name, f"images in {name}", "folder", "own photos", DEFAULT_COUNT, HELD_OUT, folder
        )
    if "/" in name and not name.endswith(".toml"):
        images_below(Path(name))  # raises, with the reason
    path = find_data_file(FOLDER, name, "calibration set", "ca-deploy list calibrations")
    try:
        spec = decode(CalibrationSpec, parse_toml(path), name=path.stem)
    except Unreadable as error:
        raise ImageDataError(error.about(f"Calibration set {path}")) from error
    return spec if spec.folder is None else replace(spec, folder=path.parent / spec.folder)


def load_calibration(spec: CalibrationSpec, preprocessing: Preprocessing, count: int | None = None) -> CalibrationSet:
    """Read and crop the images of both parts; ``count`` overrides the number of calibration images.

    Of a folder with fewer than 64 images, all are used for calibration: parity then needs another set.

    Raises:
        ImageDataError: the folder is missing, is empty, or has no readable image.
    """
    wanted = count or spec.count
    if spec.source == "random":
        calibration, held_out = (
            _digested(_noise(number, preprocessing, spec.seed + part))
            for part, number in enumerate((wanted, spec.held_out))
        )
        warnings = ["Calibrated on random noise: the accuracy of the file is unknown. Pass photos with --calibration."]
    elif spec.source == "scikit-image":
        calibration = _digested(_photo_crops(_CALIBRATION_PHOTOS, wanted, preprocessing, spec.seed))
        held_out = _digested(_photo_crops(_HELD_OUT_PHOTOS, spec.held_out, preprocessing, spec.seed))
        warnings = [
            "scikit-image's photos are not your domain, so the file may be less accurate on your photos. Pass a folder "
            "of them with --calibration FOLDER, or make images from the weights with `ca-deploy distill`."
        ]
    elif spec.folder is not None:
        calibration, held_out, warnings = _from_folder(spec, spec.folder, wanted, preprocessing)
    else:
        raise ImageDataError(f"Calibration set {spec.name} names no folder: its source is {spec.source!r}.")
    if len(calibration) < FEW:
        warnings.append(f"Only {len(calibration)} calibration images; {FEW} or more give more reliable ranges.")
    return CalibrationSet(spec.name, spec.domain, calibration, held_out, tuple(warnings))


def _from_folder(
    spec: CalibrationSpec, folder: Path, wanted: int, preprocessing: Preprocessing
) -> tuple[ImageBatch, ImageBatch, list[str]]:
    below = images_below(folder)
    paths = _some(below.paths, folder, _FEWEST_HASHED * (wanted + spec.held_out))
    # A shipped set is ordered by file name, which decides the part that an image belongs to.
    own = spec.domain == "own photos"
    files = hash_images(paths) if own else [ImageFile(path, sha256_of(path)) for path in paths]
    enough = len(files) >= 2 * spec.held_out
    # Held-out images come from the end, so that they do not depend on ``wanted`` or on unreadable files before them.
    depth = bit_depth([file.path for file in (*files[:wanted], *files[-spec.held_out :])])
    held_out, used, more = load_batch(files[::-1], spec.held_out if enough else 0, preprocessing, depth)
    calibration, _, unreadable = load_batch(files[: len(files) - used], wanted, preprocessing, depth)
    if not len(calibration):
        first = (unreadable + more)[0]
        raise ImageDataError(f"None of the {len(files)} images in {folder} can be read:\n  {first}")
    notes = [f"Left out: {complaint}" for complaint in (*unreadable, *more)]
    if len(paths) < len(below.paths):
        notes.append(f"Of {len(below.paths)} images, {len(paths)} were looked at, chosen by the hashes of their names.")
    return calibration, held_out, [*notes, *filter(None, (below.note, depth.note))]


def _some(paths: Sequence[Path], folder: Path, most: int) -> Sequence[Path]:
    """All paths, or of very many a part that names alone decide: reading all would take hours."""
    if len(paths) <= max(most, _MANY):
        return paths
    return sorted(paths, key=lambda path: sha256_of_bytes(path.relative_to(folder).as_posix().encode()))[:most]


def _digested(pixels: "NDArray[np.uint8]") -> ImageBatch:
    return ImageBatch(pixels, tuple(sha256_of_bytes(image.tobytes()) for image in pixels))


def _noise(count: int, preprocessing: Preprocessing, seed: int) -> "NDArray[np.uint8]":
    import numpy as np

    shape = (count, preprocessing.height, preprocessing.width, preprocessing.depth)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def _photo_crops(names: tuple[str, ...], count: int, preprocessing: Preprocessing, seed: int) -> "NDArray[np.uint8]":
    """``count`` random square crops, of each photo in turn; a side is at least a third of the photo's shorter side."""
    import numpy as np
    import skimage.data
    from PIL import Image

    random = np.random.default_rng(seed)
    photos = [Image.fromarray(getattr(skimage.data, name)()).convert("RGB") for name in names]
    crops = []
    for number in range(count):
        photo = photos[number % len(photos)]
        side = int(random.uniform(1 / 3, 1) * min(photo.size))
        left, top = (int(random.integers(length - side + 1)) for length in photo.size)
        crops.append(preprocessing.to_pixels(photo.crop((left, top, left + side, top + side))))
    return np.stack(crops)
