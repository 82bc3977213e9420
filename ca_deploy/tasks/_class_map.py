"""The answers of a segmenter, in the pixels of the photo."""

import numpy as np
from numpy.typing import NDArray

from ca_deploy.records.preprocessing import Preprocessing

UNSEEN = -1
_ROWS = 64  # at once, for a photo of many pixels and classes


def classes_in_photo(
    values: NDArray[np.float32], photo: Preprocessing, size: tuple[int, int], is_probability: bool = False
) -> NDArray[np.int64]:
    """The class of each pixel ``(H, W)`` of a photo of ``size``, width and height; :data:`UNSEEN` where it was cut.

    ``values`` are logits ``(classes, h, w)``, interpolated with half-pixel centres, or a class map ``(h, w)``. One
    channel is of two classes, a logit, or (``is_probability``) a probability.
    """
    x, y, left, top = photo.placement(size)
    height, width = values.shape[-2:]
    columns = ((np.arange(size[0]) + 0.5) * x + left) * width / photo.width
    rows = ((np.arange(size[1]) + 0.5) * y + top) * height / photo.height
    seen = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None]
    if values.ndim == 2:
        nearest = [np.clip(np.floor(at), 0, side - 1).astype(int) for at, side in ((rows, height), (columns, width))]
        return np.where(seen, values[nearest[0]][:, nearest[1]].astype(np.int64), UNSEEN)
    found = np.empty(seen.shape, np.int64)
    for start in range(0, len(rows), _ROWS):
        part = _between(_between(values, rows[start : start + _ROWS], 1), columns, 2)
        least = 0.5 if is_probability else 0.0
        found[start : start + _ROWS] = part.argmax(0) if len(part) > 1 else part[0] > least
    return np.where(seen, found, UNSEEN)


def _between(values: NDArray[np.float32], at: NDArray[np.float64], axis: int) -> NDArray[np.float32]:
    """Linear interpolation along an axis at places where cell ``i`` has its centre at ``i + 0.5``."""
    last = values.shape[axis] - 1
    place = np.clip(at - 0.5, 0, last)
    first = np.minimum(place.astype(int), max(last - 1, 0))
    shape = [-1 if one == axis else 1 for one in range(values.ndim)]
    share = (place - first).astype(np.float32).reshape(shape)
    low, high = np.take(values, first, axis), np.take(values, np.minimum(first + 1, last), axis)
    found: NDArray[np.float32] = low + share * (high - low)
    return found
