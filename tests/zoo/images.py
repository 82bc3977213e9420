"""Samples that differ as much as those of a test set: noise of several scales, brightnesses and contrasts.

scikit-image's held-out images are crops of one photo, for which the averages of a random network hardly differ.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ca_deploy.data.arrays import digests
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import Signature
from tests.zoo.parts import noise

_MEAN, _STD = 115, 57  # of photos, on the scale from 0 to 255


def samples(count: int, signature: Signature, seed: int) -> Samples:
    """Of every input: pixels of images, and normal values of plain tensors."""
    arrays: dict[str, NDArray[Any]] = {}
    for number, taken in enumerate(signature.inputs):
        own_seed = seed + 100 * number
        if taken.preprocessing is None:
            arrays[taken.name] = np.random.default_rng(own_seed).standard_normal((count, *taken.shape[1:]), np.float32)
        else:
            arrays[taken.name] = _pixels(count, taken.preprocessing, own_seed)
    return Samples(arrays, digests(arrays, count))


def _pixels(count: int, preprocessing: Preprocessing, seed: int) -> NDArray[np.uint8]:
    shape = (preprocessing.depth, preprocessing.height, preprocessing.width)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        values = noise(count, shape) * _STD + _MEAN
    return values.clamp(0, 255).permute(0, 2, 3, 1).contiguous().numpy().astype(np.uint8)
