"""Calibration sets: a shipped TOML, a TOML by path, any folder of images, or a file of samples.

A set has two disjoint parts: calibration images, and held-out images for the parity check. Images are ordered by
their hashes, so that two machines export the same file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ca_deploy.data import arrays
from ca_deploy.data.bit_depth import bit_depth
from ca_deploy.data.folders import images_below
from ca_deploy.data.images import ImageBatch, ImageFile, hash_images, load_batch
from ca_deploy.errors import ImageDataError
from ca_deploy.files import sha256_of, sha256_of_bytes
from ca_deploy.records.calibration import CalibrationSpec, Domain
from ca_deploy.records.codec import Unreadable, decode, parse_toml
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkInput, Signature
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
    calibration: Samples
    held_out: Samples
    warnings: tuple[str, ...]


def calibration_names() -> list[str]:
    """Names of the calibration sets that ship with ca-deploy."""
    return [path.stem for path in data_files(FOLDER, ".toml")]


def load_spec(name: str) -> CalibrationSpec:
    """A shipped set by name, or by path a TOML, a folder of images, or an ``.npz`` or ``.npy`` of samples.

    Raises:
        UsageError: there is no set of that name.
        ImageDataError: the TOML is malformed; the message lists every error.
    """
    if Path(name).is_dir():
        folder = Path(name)
        return CalibrationSpec(
            folder.resolve().name, f"images in {name}", "folder", "own photos", DEFAULT_COUNT, HELD_OUT, folder
        )
    if name.endswith(arrays.SUFFIXES):
        path = Path(name)
        return CalibrationSpec(
            path.stem, f"samples in {name}", "arrays", "own samples", DEFAULT_COUNT, HELD_OUT, file=path
        )
    if "/" in name and not name.endswith(".toml"):
        images_below(Path(name))  # raises, with the reason
    path = find_data_file(FOLDER, name, "calibration set", "ca-deploy list calibrations")
    try:
        spec = decode(CalibrationSpec, parse_toml(path), name=path.stem)
    except Unreadable as error:
        raise ImageDataError(error.about(f"Calibration set {path}")) from error
    for place in ("folder", "file"):
        if (given := getattr(spec, place)) is not None:
            spec = replace(spec, **{place: path.parent / given})
    return spec


def load_calibration(spec: CalibrationSpec, signature: Signature, count: int | None = None) -> CalibrationSet:
    """Read and crop the images of both parts; ``count`` overrides the number of calibration images.

    Of a folder with fewer than 64 images, all are used for calibration: parity then needs another set. A network that
    takes several images gets other photos of the set in each, and one that also takes plain tensors gets random ones,
    unless the set is a file of samples.

    Raises:
        ImageDataError: the folder is missing, is empty, or has no readable image; a file does not match the network.
    """
    wanted = count or spec.count
    if spec.source == "arrays" and spec.file is not None:
        calibration, held_out, warnings = _from_file(spec, spec.file, wanted, signature)
    else:
        calibration, held_out, warnings = _from_photos(spec, wanted, signature)
    if len(calibration) < FEW:
        kind = "images" if signature.images else "samples"
        warnings.append(f"Only {len(calibration)} calibration {kind}; {FEW} or more give more reliable ranges.")
    is_random = spec.source != "arrays" and len(signature.images) < len(signature.inputs)
    domain: Domain = "random" if is_random else spec.domain
    return CalibrationSet(spec.name, domain, calibration, held_out, tuple(warnings))


def _from_photos(spec: CalibrationSpec, wanted: int, signature: Signature) -> tuple[Samples, Samples, list[str]]:
    """Both parts, with random values of plain tensors, and warnings."""
    parts: dict[str, tuple[ImageBatch, ImageBatch]] = {}
    warnings: list[str] = []
    for taken in signature.images:
        assert taken.preprocessing is not None
        parts[taken.name], warnings = _photos(spec, wanted, taken.preprocessing)
    calibration, held_out = (
        _joined(signature, {name: pair[part] for name, pair in parts.items()}, number, spec.seed + part)
        for part, number in enumerate((wanted, spec.held_out))
    )
    if plain := [taken.name for taken in signature.inputs if taken.preprocessing is None]:
        warnings.append(
            f"Input {', '.join(plain)} had random values: the accuracy of an integer file is unknown. Pass samples of "
            "all inputs with --calibration FILE.npz."
        )
    if len(parts) > 1:
        warnings.append(
            f"The inputs {', '.join(parts)} had different photos of the same set. Pass samples that belong together "
            "with --calibration FILE.npz."
        )
    return calibration, held_out, warnings


def _photos(
    spec: CalibrationSpec, wanted: int, preprocessing: Preprocessing
) -> tuple[tuple[ImageBatch, ImageBatch], list[str]]:
    """Both parts for one image input, and warnings."""
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
    return (calibration, held_out), warnings


def _joined(signature: Signature, photos: dict[str, ImageBatch], count: int, seed: int) -> Samples:
    """One part: the photos of each image input, each in another order, and random values of plain tensors."""
    import numpy as np

    random = np.random.default_rng(seed)
    names = list(photos)
    count = len(photos[names[0]]) if names else count
    joined: dict[str, NDArray[Any]] = {}
    for taken in signature.inputs:
        if taken.name in photos:
            joined[taken.name] = np.roll(photos[taken.name].pixels, names.index(taken.name), axis=0)
        else:
            joined[taken.name] = _random_values(taken, count, random)
    if names:
        return Samples(joined, photos[names[0]].sha256)
    return Samples(joined, arrays.digests(joined, count))


def _random_values(taken: NetworkInput, count: int, random: "np.random.Generator") -> "NDArray[Any]":
    """Normal floats, and integers of 0 and 1, which index any table."""
    shape = (count, *taken.shape[1:])
    values = random.standard_normal(shape) if taken.dtype.startswith("float") else random.integers(0, 2, shape)
    return values.astype(taken.dtype)


def _from_file(
    spec: CalibrationSpec, file: Path, wanted: int, signature: Signature
) -> tuple[Samples, Samples, list[str]]:
    samples = arrays.load(file, signature)
    order = sorted({digest: row for row, digest in reversed(list(enumerate(samples.sha256)))}.items())
    rows = [row for _, row in order]
    held = spec.held_out if len(rows) >= 2 * spec.held_out else 0
    calibration, held_out = rows[: len(rows) - held][:wanted], rows[len(rows) - held :]
    copies = len(samples) - len(rows)
    warnings = [f"{copies} of the {len(samples)} samples are copies of others, and count once."] if copies else []
    return samples.rows(calibration), samples.rows(held_out), warnings


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
