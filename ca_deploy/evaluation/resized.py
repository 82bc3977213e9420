"""Images of another size than the network's own: the same photos, resized."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ca_deploy.records.image_sizes import Size2d
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import Signature


def at_another_size(samples: Samples, signature: Signature, size: Size2d) -> Samples:
    """The samples with images of another size (bilinear, antialiased); plain tensors stay."""
    images = {taken.name for taken in signature.images}
    arrays = {name: _resized(array, size) if name in images else array for name, array in samples.arrays.items()}
    return replace(samples, arrays=arrays)


def _resized(images: NDArray[np.uint8] | NDArray[np.float32], size: Size2d) -> NDArray[np.uint8] | NDArray[np.float32]:
    """uint8 ``(N, H, W, C)``, or float ``(N, C, H, W)``."""
    pixels = images.dtype == np.uint8
    planes = torch.from_numpy(np.ascontiguousarray(images)).float()
    planes = planes.permute(0, 3, 1, 2) if pixels else planes
    scaled = torch.nn.functional.interpolate(planes, size, mode="bilinear", antialias=True)
    if not pixels:
        return scaled.numpy()
    bytes_: NDArray[np.uint8] = scaled.round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous().numpy()
    return bytes_
