"""The very images that a file was compared on when it was exported, found again by their hashes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.data import arrays
from ca_deploy.data.bit_depth import BitDepth
from ca_deploy.data.calibration import calibration_names, load_calibration, load_spec
from ca_deploy.data.folders import images_below
from ca_deploy.data.images import ImageBatch, ImageFile, hash_images, open_rgb
from ca_deploy.data.joined import joined
from ca_deploy.errors import ImageDataError, UsageError, listed
from ca_deploy.files import sha256_of
from ca_deploy.records.calibration import CalibrationSpec
from ca_deploy.records.image_set import ImageSet
from ca_deploy.records.places import place_from
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import Signature

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHOWN = 3
_MOST_HASHED = 5000  # files of a folder that are looked through for images that were renamed


@dataclass(frozen=True, slots=True)
class Recorded:
    """The samples that are still there and unchanged, in their order, and the names of the others."""

    samples: Samples
    missing: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def losses(self) -> str:
        """How many are missing or changed, with the first few names; "" where none is."""
        kinds = {"missing": self.missing, "changed": self.changed}
        return "; ".join(f"{len(names)} {kind}: {listed(names, _SHOWN)}" for kind, names in kinds.items() if names)


def held_out_again(recorded: ImageSet, signature: Signature, beside: Path, moved: Path | None = None) -> Recorded:
    """The held-out images of a manifest in the folder ``beside``; ``moved`` is where the user's folder or file is now.

    Images are looked for by name, then by hash, because they may have been renamed.

    Raises:
        ImageDataError: the folder or file is not there; the message says how to name its new place.
        UsageError: ``moved`` is given for a set that has no files, or the manifest does not say where they are.
    """
    place = _place(recorded, beside, moved)
    if recorded.source in ("random", "scikit-image"):
        return _made_anew(recorded, signature)
    assert place is not None
    if not place.exists():
        raise ImageDataError(
            f"The {len(recorded.held_out)} held-out images were in {recorded.label}, and {place} does not exist. Say "
            "where they are now with --images PATH, or compare on others with --calibration SET."
        )
    if recorded.source == "arrays" or place.suffix in arrays.SUFFIXES:
        return _from_file(recorded, place, signature)
    return _from_folder(recorded, place, signature)


def _place(recorded: ImageSet, beside: Path, moved: Path | None) -> Path | None:
    """The folder or file; None where the set has none."""
    if moved is not None:
        if recorded.source in ("random", "scikit-image"):
            raise UsageError(
                f"--images {moved}: the set {recorded.name} has no files, so they cannot have moved. To compare on "
                f"other images, pass --calibration {moved}."
            )
        return moved
    if recorded.place is not None:
        return place_from(recorded.place, beside)
    if recorded.source in ("random", "scikit-image"):
        return None
    spec = load_spec(recorded.name) if recorded.name in calibration_names() else None
    if spec is None or spec.folder is None:
        raise UsageError(
            "The manifest does not say where its images are: an earlier ca-deploy wrote it. Pass their folder with "
            "--images FOLDER, or compare on others with --calibration SET."
        )
    return spec.folder


def _made_anew(recorded: ImageSet, signature: Signature) -> Recorded:
    assert recorded.source is not None
    spec = CalibrationSpec(
        recorded.name,
        "as the manifest describes it",
        recorded.source,
        recorded.domain or "elsewhere",
        count=1,
        held_out=len(recorded.held_out),
        seed=recorded.seed,
    )
    return _kept(recorded, load_calibration(spec, signature).held_out)


def _from_file(recorded: ImageSet, file: Path, signature: Signature) -> Recorded:
    samples = arrays.load(file, signature)
    places = {digest: row for row, digest in reversed(list(enumerate(samples.sha256)))}
    found = [places[digest] for digest in recorded.held_out.values() if digest in places]
    missing = tuple(f"sample {name}" for name, digest in recorded.held_out.items() if digest not in places)
    return Recorded(samples.rows(found), missing, ())


def _kept(recorded: ImageSet, samples: Samples) -> Recorded:
    """Of samples that were made anew in the same order, those that are the same."""
    pairs = list(zip(recorded.held_out.items(), samples.sha256, strict=True))
    same = [row for row, ((_, digest), found) in enumerate(pairs) if digest == found]
    changed = tuple(name for (name, digest), found in pairs if digest != found)
    return Recorded(samples.rows(same), (), changed)


def _from_folder(recorded: ImageSet, folder: Path, signature: Signature) -> Recorded:
    files, changed = _files(recorded.held_out, folder)
    depth = BitDepth(recorded.white_of_integers, recorded.white_of_floats)
    photos: dict[str, ImageBatch] = {}
    for taken in signature.images:
        assert taken.preprocessing is not None
        photos[taken.name] = _batch(recorded.held_out, files, taken.preprocessing, depth)
    whole = joined(signature, photos, len(recorded.held_out), recorded.seed + 1)
    # With several image inputs, a sample has a photo of another place in each; one that lacks any of them is dropped.
    there = [name in files for name in recorded.held_out]
    inputs = max(1, len(photos))
    rows = [row for row in range(len(there)) if all(there[row - shift] for shift in range(inputs))]
    missing = tuple(name for name in recorded.held_out if name not in files and name not in changed)
    return Recorded(whole.rows(rows), missing, changed)


def _files(wanted: Mapping[str, str], folder: Path) -> tuple[dict[str, ImageFile], tuple[str, ...]]:
    """The files by recorded name, and the names of those whose content is another now."""
    found: dict[str, ImageFile] = {}
    others: list[str] = []
    for name, digest in wanted.items():
        path = folder / name
        if not _is_inside(name) or not path.is_file():
            continue
        if sha256_of(path) == digest:
            found[name] = ImageFile(path, digest, name)
        else:
            others.append(name)
    if len(found) < len(wanted):
        paths = images_below(folder).paths
        by_hash = {file.sha256: file for file in hash_images(paths, folder)} if len(paths) <= _MOST_HASHED else {}
        found |= {name: by_hash[digest] for name, digest in wanted.items() if digest in by_hash and name not in found}
    return found, tuple(name for name in others if name not in found)


def _is_inside(name: str) -> bool:
    """Whether a name in a manifest stays in its folder; a manifest may come from anyone."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _batch(
    wanted: Mapping[str, str], files: Mapping[str, ImageFile], preprocessing: Preprocessing, depth: BitDepth
) -> ImageBatch:
    """Pixels for every recorded image, black ones for those that are not there."""
    import numpy as np

    shape = (len(wanted), preprocessing.height, preprocessing.width, preprocessing.depth)
    pixels: NDArray[np.uint8] = np.zeros(shape, np.uint8)
    for row, name in enumerate(wanted):
        if name in files:
            pixels[row] = preprocessing.to_pixels(open_rgb(files[name].path, depth))
    return ImageBatch(pixels, tuple(wanted.values()), tuple(wanted))
