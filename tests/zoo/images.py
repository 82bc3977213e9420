"""Images that differ as much as those of a test set: noise of several scales, brightnesses and contrasts.

scikit-image's held-out images are crops of one photo, for which the averages of a random network hardly differ.
"""

import numpy as np
import torch

from ca_deploy.data.images import ImageBatch
from ca_deploy.files import sha256_of_bytes
from ca_deploy.records.preprocessing import Preprocessing
from tests.zoo.parts import noise

_MEAN, _STD = 115, 57  # of photos, on the scale from 0 to 255


def images(count: int, preprocessing: Preprocessing, seed: int) -> ImageBatch:
    """uint8 ``(count, H, W, C)`` of the network's size and channels."""
    shape = (preprocessing.depth, preprocessing.height, preprocessing.width)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        values = noise(count, shape) * _STD + _MEAN
    pixels = values.clamp(0, 255).permute(0, 2, 3, 1).contiguous().numpy().astype(np.uint8)
    return ImageBatch(pixels, tuple(sha256_of_bytes(image.tobytes()) for image in pixels))
