"""What a model says of photos, as its task reads its outputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ca_deploy.data.bit_depth import bit_depth
from ca_deploy.data.folders import images_below
from ca_deploy.data.images import open_rgb
from ca_deploy.errors import ImageDataError
from ca_deploy.evaluation.predictor import Predictor, answers_to_photo
from ca_deploy.files import other_kind
from ca_deploy.progress import Progress, silent
from ca_deploy.records.prediction import Prediction
from ca_deploy.tasks import Seen

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class Predicted:
    """A photo with its answer; ``name`` is its path below the folder that was given, or its own name."""

    name: str
    image: "Image.Image"
    prediction: Prediction
    seen: Seen


def photos_at(places: Sequence[Path]) -> list[tuple[str, Path]]:
    """Image files, and those below folders in the order of their paths, each with its name.

    Raises:
        ImageDataError: a file is missing, a folder has no image, or there is none at all.
    """
    found: list[tuple[str, Path]] = []
    for place in places:
        if place.is_dir():
            found += [(path.relative_to(place).as_posix(), path) for path in images_below(place).paths]
        elif kind := other_kind(place):
            raise ImageDataError(f"Image {place} {kind}.")
        else:
            found.append((place.name, place))
    if not found:
        raise ImageDataError("There is no photo to predict: name image files or folders.")
    return found


def predicted(
    model: Predictor, photos: Sequence[tuple[str, Path]], progress: Progress = silent
) -> Iterator[Predicted | ImageDataError]:
    """The answers one by one; an error for a photo that cannot be read.

    Raises:
        UsageError: the model takes something else than one photo.
    """
    model.signature.photo_or_refuse(f"{model.name}: predicting")
    depth = bit_depth([path for _, path in photos])
    for number, (name, path) in enumerate(photos):
        progress(number + 1, len(photos))
        try:
            image = open_rgb(path, depth)
        except ImageDataError as error:
            yield error
            continue
        answers = answers_to_photo(model, image)
        if model.task.seen is not None:
            seen = model.task.seen(answers, model.signature, image.size, model.labels)
        else:
            seen = Seen(values={key: tuple(map(float, np.ravel(one[0]))) for key, one in answers.items()})
        prediction = Prediction(str(path), *image.size, seen.labels, seen.boxes, seen.areas, seen.values)
        yield Predicted(name, image, prediction, seen)
