"""Parity on images of several sizes: the same photos, resized."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ca_deploy.evaluation import metrics
from ca_deploy.records.image_sizes import Size2d, size_text
from ca_deploy.records.parity import ParityReport, SizeParity, Status
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import Signature


def at_another_size(samples: Samples, signature: Signature, size: Size2d) -> Samples:
    """The samples with images of another size (bilinear, antialiased); plain tensors stay."""
    images = {taken.name for taken in signature.images}
    arrays = {name: _resized(array, size) if name in images else array for name, array in samples.arrays.items()}
    return Samples(arrays, samples.sha256)


def with_sizes(own: ParityReport, others: Mapping[Size2d, ParityReport]) -> ParityReport:
    """The report at the network's own size, with those at ``others``; the worst counts."""
    every = [own, *others.values()]
    reasons = [own.reason] if own.reason else []
    reasons += [f"at {size_text(size)} px: {found.reason}" for size, found in others.items() if found.reason]
    return replace(
        own,
        status=own.status if all(found.status == own.status for found in every) else Status.FAIL,
        reason="; ".join(reasons),
        max_abs_error=metrics.largest(found.max_abs_error for found in every),
        sqnr_db=metrics.smallest(found.sqnr_db for found in every),
        cosine=metrics.smallest(found.cosine for found in every),
        agreement=metrics.smallest(found.agreement for found in every),
        sizes=tuple(
            SizeParity(*size, found.status, found.max_abs_error, found.sqnr_db, found.agreement)
            for size, found in others.items()
        ),
    )


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
