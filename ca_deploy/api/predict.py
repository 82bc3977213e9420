"""``ca_deploy.predict``: what a model says of photos, in data and in pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.errors import ImageDataError, UsageError
from ca_deploy.files import file_stem
from ca_deploy.progress import Progress, silent
from ca_deploy.records.model import ModelSource

if TYPE_CHECKING:
    from ca_deploy.evaluation.prediction import Predicted
    from ca_deploy.records.prediction import Prediction, PredictionReport

_JSON = ".json"
_BESIDE = "predictions.json"  # the pictures in a folder
_DRAWN = ".png"
_OWN = ("model", "labels")  # what may be said of a file with a manifest


def predict(
    model: str | Path,
    images: str | Path | Sequence[str | Path],
    *,
    output: str | Path | None = None,
    runtime: str | None = None,
    threads: int = 1,
    source: ModelSource | None = None,
    progress: Progress = silent,
) -> "PredictionReport":
    """Run a model on photos, and say what its task sees in them: labels, boxes, areas, or the plain values.

    Args:
        model: an exported file, a registered name, ``package.module:factory``, or a ``.pt2`` file.
        images: image files, and folders of them, such as the frames of a video. Files of folders that cannot be read
            are left out, and listed.
        output: a ``.json``, a picture of an only photo (``.png``, ``.jpg``, ``.webp``), or a folder that gets a picture
            of each photo and ``predictions.json``; without it, nothing is written.
        runtime, threads, source: as in :func:`compare`.
        progress: called with (photos done, total photos).

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`; nothing is left half-written.
    """
    from ca_deploy.api import preflight

    preflight.check_runtime(runtime)
    preflight.check_model(model, source)
    from ca_deploy.delivery import deliver, staging
    from ca_deploy.evaluation.drawn_photo import SUFFIXES, drawn
    from ca_deploy.evaluation.prediction import photos_at, predicted
    from ca_deploy.evaluation.predictor import open_predictor
    from ca_deploy.records.codec import to_json
    from ca_deploy.records.prediction import PredictionReport

    places = [Path(images)] if isinstance(images, str | Path) else [Path(one) for one in images]
    photos = photos_at(places)
    place = Path(output) if output is not None else None
    suffix = _suffix_of(place, len(photos), tuple(SUFFIXES))
    if place is not None:
        _refuse_to_replace([path for _, path in photos], place, is_folder=not suffix)
    predictor = open_predictor(model, runtime, threads, source)
    if predictor.manifest is not None and source is not None:
        _refuse_ignored(predictor.name, source)
    found: list[Prediction] = []
    unreadable: list[str] = []

    def answers() -> "Iterator[Predicted]":
        for (_, path), one in zip(photos, predicted(predictor, photos, progress), strict=True):
            if isinstance(one, ImageDataError) and path in places:
                raise one
            if isinstance(one, ImageDataError):
                unreadable.append(str(one))
                continue
            found.append(one.prediction)
            yield one
        if not found:
            raise ImageDataError("None of the photos can be read:", f"  {unreadable[0]}")

    def report() -> PredictionReport:
        return PredictionReport(
            predictor.name, predictor.session.runtime, predictor.task.name, tuple(found), tuple(unreadable)
        )

    if place is None:
        for _ in answers():
            pass
        return report()
    with staging(place.parent if suffix else place) as scratch:
        files: list[Path] = []
        for one in answers():
            if suffix != _JSON:
                files.append(scratch / (place.name if suffix else _unused(one.name, files)))
                files[-1].write_bytes(drawn(one, files[-1].suffix.lower()))
        if suffix in ("", _JSON):
            files.append(scratch / (place.name if suffix else _BESIDE))
            files[-1].write_text(to_json(report()), encoding="utf-8")
        deliver(scratch, files)
    return report()


def _refuse_to_replace(photos: Sequence[Path], place: Path, is_folder: bool) -> None:
    """A picture never takes the place of a photo that is predicted."""
    target = place.resolve()
    for photo in photos:
        own = photo.resolve()
        if own == target or (is_folder and own.parent == target and own.suffix.lower() == _DRAWN):
            raise UsageError(f"--output {place} would replace the photo {photo} itself. Name another folder or file.")


def _refuse_ignored(name: str, source: ModelSource) -> None:
    """What an exported file says itself cannot be said otherwise."""
    default = ModelSource()
    said = (one.name for one in fields(source) if getattr(source, one.name) != getattr(default, one.name))
    given = [name for name in said if name not in _OWN]
    if given:
        flags = ", ".join("--" + one.replace("_", "-") for one in given)
        raise UsageError(f"{name} has a manifest, which says what {flags} would: drop it, or export the file again.")


def _suffix_of(place: Path | None, photos: int, pictures: tuple[str, ...]) -> str:
    """The suffix of a file to write; "" for a folder.

    Raises:
        UsageError: it is one picture for several photos, or of another kind.
    """
    if place is None or place.is_dir() or not place.suffix:
        return ""
    suffix = place.suffix.lower()
    if suffix not in (_JSON, *pictures):
        raise UsageError(
            f"--output {place}: {suffix} is not written. Name a folder, or a file of {', '.join((_JSON, *pictures))}."
        )
    if suffix in pictures and photos > 1:
        raise UsageError(f"--output {place} is one picture, and there are {photos} photos. Name a folder.")
    return suffix


def _unused(name: str, taken: Sequence[Path]) -> str:
    """The picture's name for a photo that may lie in folders."""
    stem = file_stem(str(Path(name).with_suffix("")).replace("/", "_"))
    used = {path.name for path in taken}
    free = (f"{stem}{_DRAWN}", *(f"{stem}_{number}{_DRAWN}" for number in range(2, len(used) + 2)))
    return next(one for one in free if one not in used)
