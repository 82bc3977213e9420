"""The images of a parity check in a file, to repeat it on another machine."""

import io
import zipfile
from pathlib import Path

import numpy as np

from ca_deploy.data.images import ImageBatch
from ca_deploy.delivery import write_atomically
from ca_deploy.errors import ImageDataError


def save(path: Path, images: ImageBatch) -> None:
    """Write ``pixels`` (uint8 ``(N, H, W, C)``) and ``sha256`` as ``.npz``.

    Raises:
        OutputError: the file cannot be written.
    """
    buffer = io.BytesIO()
    np.savez_compressed(buffer, pixels=images.pixels, sha256=np.array(images.sha256))
    write_atomically(path, buffer.getvalue())


def load(path: Path) -> ImageBatch:
    """Read what :func:`save` wrote.

    Raises:
        ImageDataError: the file is missing, damaged, or not one that :func:`save` wrote.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            pixels, hashes = content["pixels"], content["sha256"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ImageDataError(f"Saved inputs {path} cannot be read ({error}). Write them with --save-inputs.") from error
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] not in (1, 3, 4) or len(hashes) != len(pixels):
        raise ImageDataError(f"Saved inputs {path} are {pixels.dtype} {pixels.shape}, not uint8 images (N, H, W, C).")
    return ImageBatch(pixels, tuple(map(str, hashes)))
