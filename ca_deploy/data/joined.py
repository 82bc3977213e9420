"""Samples of all inputs of a network, from photos for each image."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ca_deploy.data import arrays
from ca_deploy.data.images import ImageBatch
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkInput, Signature

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def joined(signature: Signature, photos: Mapping[str, ImageBatch], count: int, seed: int) -> Samples:
    """Photos of a set for each image input, each in another order, and random values of plain tensors.

    ``photos`` are by the name of the input; without any, there are ``count`` samples.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    names = list(photos)
    count = len(photos[names[0]]) if names else count
    found: dict[str, NDArray[Any]] = {}
    for taken in signature.inputs:
        if taken.name in photos:
            found[taken.name] = np.roll(photos[taken.name].pixels, names.index(taken.name), axis=0)
        else:
            found[taken.name] = _random_values(taken, count, random)
    if names:
        return Samples(found, photos[names[0]].sha256, photos[names[0]].names)
    return Samples(found, arrays.digests(found, count))


def _random_values(taken: NetworkInput, count: int, random: "np.random.Generator") -> "NDArray[Any]":
    """Normal floats, and integers of 0 and 1, which index any table."""
    shape = (count, *taken.shape[1:])
    values = random.standard_normal(shape) if taken.dtype.startswith("float") else random.integers(0, 2, shape)
    return values.astype(taken.dtype)
