"""Calibration sets: a shipped TOML, a TOML by path, any folder of images, or a file of samples.

A set has two disjoint parts: calibration images, and held-out images for the parity check. Images are ordered by
their hashes, so that two machines export the same file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ca_deploy.data import arrays
from ca_deploy.data.bit_depth import BY_THE_FILE, BitDepth, bit_depth
from ca_deploy.data.folders import images_below
from ca_deploy.data.generated import CALIBRATION_PHOTOS, HELD_OUT_PHOTOS, noise, photo_crops
from ca_deploy.data.images import ImageBatch, hash_images, load_batch, mixed
from ca_deploy.data.joined import joined
from ca_deploy.data.shares import USUAL_HELD_OUT, held_out_of, too_few_note
from ca_deploy.errors import ImageDataError
from ca_deploy.files import sha256_of_bytes
from ca_deploy.records.calibration import CalibrationSpec, Domain
from ca_deploy.records.codec import Unreadable, decode, parse_toml
from ca_deploy.records.image_set import ImageSet
from ca_deploy.records.places import place_beside
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import Signature
from ca_deploy.shipped import data_files, data_folder, find_data_file

FOLDER = "calibration"
NOT_YOUR_DOMAIN = "scikit_image"
DEFAULT_COUNT = 200
FEW = 100
_MANY = 5000  # images of a folder, which are all read; of more, a multiple of those that are needed
_FEWEST_HASHED = 8
_ON_NOISE = "Calibrated on random noise: the accuracy of the file is unknown. Pass photos with --calibration."
_ELSEWHERE = (
    "scikit-image's photos are not your domain, so the file may be less accurate on your photos. Pass a folder of them "
    "with --calibration FOLDER, or make images from the weights with `ca-deploy distill`."
)


@dataclass(frozen=True, slots=True)
class CalibrationSet:
    """The loaded images of both parts. ``notes`` are on the set, and ``doubts`` on files that are calibrated on it.

    ``depth`` is how photos of more than 8 bits were read.
    """

    spec: CalibrationSpec
    domain: Domain
    calibration: Samples
    held_out: Samples
    notes: tuple[str, ...]
    doubts: tuple[str, ...]
    depth: BitDepth = BY_THE_FILE

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def warnings(self) -> tuple[str, ...]:
        """All that is to be said of a file that was calibrated on it."""
        return (*self.notes, *self.doubts)

    def record(self, beside: Path, calibrated: bool) -> ImageSet:
        """For the manifest of a file in the folder ``beside``, which was ``calibrated`` on the set or not."""
        spec = self.spec
        place = spec.folder or spec.file
        return ImageSet(
            name=spec.name,
            source=spec.source,
            domain=self.domain,
            place=None if place is None or is_shipped(place) else place_beside(place, beside),
            seed=spec.seed,
            white_of_integers=self.depth.integers,
            white_of_floats=self.depth.floats,
            calibration=self.calibration.digests_by_name if calibrated else {},
            held_out=self.held_out.digests_by_name,
        )


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
            folder.resolve().name, f"images in {name}", "folder", "own photos", DEFAULT_COUNT, USUAL_HELD_OUT, folder
        )
    if name.endswith(arrays.SUFFIXES):
        path = Path(name)
        return CalibrationSpec(
            path.stem, f"samples in {name}", "arrays", "own samples", DEFAULT_COUNT, USUAL_HELD_OUT, file=path
        )
    if "/" in name and not name.endswith(".toml"):
        images_below(Path(name))  # raises, with the reason
    path = find_data_file(FOLDER, name, "calibration set", "ca-deploy list calibrations")
    try:
        spec = decode(CalibrationSpec, parse_toml(path), name=path.stem)
    except Unreadable as error:
        raise ImageDataError(*error.about(f"Calibration set {path}")) from error
    for place in ("folder", "file"):
        if (given := getattr(spec, place)) is not None:
            spec = replace(spec, **{place: path.parent / given})
    return spec


def is_shipped(place: Path) -> bool:
    """Whether a folder or file belongs to a set that ships with ca-deploy."""
    return place.resolve().is_relative_to(data_folder(FOLDER).resolve())


def load_calibration(
    spec: CalibrationSpec, signature: Signature, count: int | None = None, held_out: int | None = None
) -> CalibrationSet:
    """Read and crop the images of both parts; ``count`` and ``held_out`` override the numbers in each.

    Of a folder or file with few images, half are held out (:func:`~ca_deploy.data.shares.held_out_of`). A network that
    takes several images gets other photos of the set in each, and one that also takes plain tensors gets random ones,
    unless the set is a file of samples.

    Raises:
        ImageDataError: the folder is missing, is empty, has no readable image, or too few for ``held_out``; a file does
            not match the network.
    """
    wanted = count or spec.count
    if spec.source == "arrays" and spec.file is not None:
        parts = _from_file(spec, spec.file, wanted, held_out, signature)
    else:
        parts = _from_photos(spec, wanted, held_out, signature)
    doubts = list(parts.doubts)
    if len(parts.calibration) < FEW:
        kind = "images" if signature.images else "samples"
        doubts.append(f"Only {len(parts.calibration)} calibration {kind}; {FEW} or more give more reliable ranges.")
    is_random = spec.source != "arrays" and len(signature.images) < len(signature.inputs)
    return replace(parts, domain="random" if is_random else spec.domain, doubts=tuple(doubts))


def _from_photos(spec: CalibrationSpec, wanted: int, asked: int | None, signature: Signature) -> CalibrationSet:
    """Both parts, with random values of plain tensors."""
    found: dict[str, _Photos] = {}
    for taken in signature.images:
        assert taken.preprocessing is not None
        found[taken.name] = _photos(spec, wanted, asked, taken.preprocessing)
    numbers = (wanted, asked or spec.held_out)
    calibration, held_out = (
        joined(signature, {name: one.parts[part] for name, one in found.items()}, numbers[part], spec.seed + part)
        for part in (0, 1)
    )
    any_photos = next(iter(found.values()), None)
    doubts = list(any_photos.doubts) if any_photos else []
    if plain := [taken.name for taken in signature.inputs if taken.preprocessing is None]:
        doubts.append(
            f"Input {', '.join(plain)} had random values: the accuracy of an integer file is unknown. Pass samples of "
            "all inputs with --calibration FILE.npz."
        )
    if len(found) > 1:
        doubts.append(
            f"The inputs {', '.join(found)} had different photos of the same set. Pass samples that belong together "
            "with --calibration FILE.npz."
        )
    notes, depth = (any_photos.notes, any_photos.depth) if any_photos else ((), BY_THE_FILE)
    return CalibrationSet(spec, spec.domain, calibration, held_out, notes, tuple(doubts), depth)


@dataclass(frozen=True, slots=True)
class _Photos:
    """Both parts for one image input; the rest as in :class:`CalibrationSet`."""

    parts: tuple[ImageBatch, ImageBatch]
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    depth: BitDepth = BY_THE_FILE


def _photos(spec: CalibrationSpec, wanted: int, asked: int | None, preprocessing: Preprocessing) -> _Photos:
    held_out = asked or spec.held_out
    if spec.source == "random":
        return _Photos(
            (noise(wanted, preprocessing, spec.seed), noise(held_out, preprocessing, spec.seed + 1)),
            doubts=(_ON_NOISE,),
        )
    if spec.source == "scikit-image":
        return _Photos(
            (
                photo_crops(CALIBRATION_PHOTOS, wanted, preprocessing, spec.seed),
                photo_crops(HELD_OUT_PHOTOS, held_out, preprocessing, spec.seed),
            ),
            doubts=(_ELSEWHERE,),
        )
    if spec.folder is None:
        raise ImageDataError(f"Calibration set {spec.name} names no folder: its source is {spec.source!r}.")
    return _from_folder(spec, spec.folder, wanted, asked, preprocessing)


def _from_file(
    spec: CalibrationSpec, file: Path, wanted: int, asked: int | None, signature: Signature
) -> CalibrationSet:
    samples = arrays.load(file, signature)
    order = sorted({digest: row for row, digest in reversed(list(enumerate(samples.sha256)))}.items())
    rows = [row for _, row in order]
    held = held_out_of(len(rows), spec.held_out, asked, f"samples in {file.name}")
    calibration, held_out = rows[: len(rows) - held][:wanted], rows[len(rows) - held :]
    copies = len(samples) - len(rows)
    notes = [f"{copies} of the {len(samples)} samples are copies of others, and count once."] if copies else []
    notes.append(too_few_note(held, len(rows), spec.held_out, f"samples in {file.name}"))
    parts = samples.rows(calibration), samples.rows(held_out)
    return CalibrationSet(spec, spec.domain, *parts, tuple(filter(None, notes)), ())


def _from_folder(
    spec: CalibrationSpec, folder: Path, wanted: int, asked: int | None, preprocessing: Preprocessing
) -> _Photos:
    below = images_below(folder)
    paths = _some(below.paths, folder, _FEWEST_HASHED * (wanted + (asked or spec.held_out)))
    # A shipped set is ordered by file name, which decides the part that an image belongs to.
    hashed = hash_images(paths, folder)
    files = mixed(hashed) if spec.domain == "own photos" else hashed
    what = f"images in {folder.name}/"
    held = held_out_of(len(files), spec.held_out, asked, what)
    # Held-out images come from the end, so that they do not depend on ``wanted`` or on unreadable files before them.
    depth = bit_depth([file.path for file in (*files[:wanted], *files[len(files) - held :])])
    held_out, used, more = load_batch(files[::-1], held, preprocessing, depth)
    calibration, _, unreadable = load_batch(files[: len(files) - used], wanted, preprocessing, depth)
    if not len(calibration):
        first = (unreadable + more)[0]
        raise ImageDataError(f"None of the {len(files)} images in {folder} can be read:", f"  {first}")
    notes = [f"Left out: {complaint}" for complaint in (*unreadable, *more)]
    if len(paths) < len(below.paths):
        notes.append(f"Of {len(below.paths)} images, {len(paths)} were looked at, chosen by the hashes of their names.")
    notes += [below.note, depth.note, too_few_note(len(held_out), len(files), spec.held_out, what)]
    return _Photos((calibration, held_out), tuple(filter(None, notes)), (), depth)


def _some(paths: Sequence[Path], folder: Path, most: int) -> Sequence[Path]:
    """All paths, or of very many a part that names alone decide: reading all would take hours."""
    if len(paths) <= max(most, _MANY):
        return paths
    return sorted(paths, key=lambda path: sha256_of_bytes(path.relative_to(folder).as_posix().encode()))[:most]
