"""Images that say little about a network: nearly constant ones, and nearly identical ones, as frames of one video are.

Images are compared as grey thumbnails of 16 x 16. Two are nearly identical where these correlate above 0.98: among 500
photos of flowers none does, and of the frames of a slow video all do. ``benchmarks/README.md`` has what was measured.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkInput, Signature

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONSTANT_BELOW = 3.0  # standard deviation of an image's grey values, of 255
ALIKE_ABOVE = 0.98  # correlation of thumbnails
_SIDE = 16
_SHARE_TO_SAY = 0.1  # of the images: a few pairs are in any folder


@dataclass(frozen=True, slots=True)
class Likeness:
    """Per image, ``(N,)``: whether it is nearly constant, and its correlation with the one most like it.

    The correlation of a nearly constant one is left out, and that of a single one is -1.
    """

    constant: "NDArray[np.bool_]"
    nearest: "NDArray[np.float32]"

    @property
    def alike(self) -> int:
        """How many are nearly identical to another one."""
        return int((self.nearest > ALIKE_ABOVE).sum())


def image_doubts(samples: Samples, signature: Signature, part: str) -> tuple[str, ...]:
    """What is to be said of the images of a part, ``"held-out"`` or ``"calibration"``, with figures."""
    found = []
    count = len(samples)
    for taken in signature.images:
        seen = likeness(taken, samples.arrays[taken.name])
        what = f"{part} images of {taken.name}" if len(signature.images) > 1 else f"{part} images"
        if seen.constant.any():
            found.append(
                f"{seen.constant.sum()} of the {count} {what} are nearly constant (standard deviation below "
                f"{CONSTANT_BELOW:g} of 255): such images say nothing about the network."
            )
        if seen.alike > _SHARE_TO_SAY * count:
            found.append(
                f"{seen.alike} of the {count} {what} are nearly identical to another one (correlation above "
                f"{ALIKE_ABOVE:g}), as frames of one video are: they count as few. Give photos of different scenes."
            )
    return tuple(found)


def likeness(taken: NetworkInput, images: "NDArray[Any]") -> Likeness:
    """Of images that an input takes: pixels ``(N, H, W, C)``, or ``(N, C, H, W)`` normalised already."""
    import numpy as np

    grey = (_grey(taken, image) for image in images)  # one by one, because all may be large
    looked_at = [(values.std() < CONSTANT_BELOW, _thumbnail(values)) for values in grey]
    constant = np.array([flat for flat, _ in looked_at], bool)
    varied = [thumbnail for flat, thumbnail in looked_at if not flat]
    if not varied:
        return Likeness(constant, np.zeros(0, np.float32))
    centred = np.stack([thumbnail - thumbnail.mean() for thumbnail in varied])
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    correlations = centred @ centred.T
    np.fill_diagonal(correlations, -1)
    return Likeness(constant, correlations.max(axis=1))


def _grey(taken: NetworkInput, image: "NDArray[Any]") -> "NDArray[np.float32]":
    """``(H, W)`` in 0..255."""
    import numpy as np

    preprocessing = taken.preprocessing
    assert preprocessing is not None
    grey: NDArray[np.float32]
    if image.dtype == np.uint8:
        grey = image.mean(axis=2, dtype=np.float32)
        return grey
    mean, std = (np.reshape(given, (-1, 1, 1)) for given in (preprocessing.mean, preprocessing.std))
    grey = ((image * std + mean) * (255 / preprocessing.value_range)).mean(axis=0, dtype=np.float32)
    return grey


def _thumbnail(grey: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """The means of a grid of cells, ``(cells,)``."""
    import numpy as np

    for axis in (0, 1):
        length = grey.shape[axis]
        starts = np.unique(np.arange(_SIDE) * length // _SIDE)
        sizes = np.diff([*starts, length]).reshape((-1, 1) if axis == 0 else (1, -1))
        grey = (np.add.reduceat(grey, starts, axis=axis) / sizes).astype(np.float32)
    return grey.ravel()
