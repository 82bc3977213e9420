"""Image files: opened upright in 8-bit RGB, whatever their format."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.data.bit_depth import BY_THE_FILE, BitDepth
from ca_deploy.data.image_file import opened
from ca_deploy.errors import ImageDataError
from ca_deploy.files import sha256_of
from ca_deploy.records.preprocessing import Preprocessing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image file, the sha256 of its bytes, and what its set calls it."""

    path: Path
    sha256: str
    name: str


@dataclass(frozen=True, slots=True)
class ImageBatch:
    """Images cropped for a network: ``pixels`` is uint8 ``(N, H, W, C)``.

    ``sha256`` and ``names`` have one entry per image.
    """

    pixels: "NDArray[np.uint8]"
    sha256: tuple[str, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sha256)


def hash_images(paths: Sequence[Path], folder: Path) -> list[ImageFile]:
    """The files by the hash of their content, named by their path in ``folder``."""
    files = []
    for path in paths:
        try:
            files.append(ImageFile(path, sha256_of(path), path.relative_to(folder).as_posix()))
        except OSError as error:
            raise ImageDataError(f"Image {path} cannot be opened ({error.strerror}).") from error
    return files


def mixed(files: Sequence[ImageFile]) -> list[ImageFile]:
    """The files sorted by the hash of their content, without duplicates.

    This order mixes the classes of an ImageFolder tree and does not depend on names or folders. Without duplicates, no
    copy of a calibration image can be held out.
    """
    by_hash = {file.sha256: file for file in reversed(files)}
    return [by_hash[digest] for digest in sorted(by_hash)]


def open_rgb(path: Path, depth: BitDepth = BY_THE_FILE) -> "Image.Image":
    """Open an image upright (EXIF), in 8-bit RGB; transparent pixels are blended with white.

    ``depth`` says what white is in files of more than 8 bits; without it, the values of the file alone do.

    Raises:
        ImageDataError: the file is not an image, or damaged.
    """
    from PIL import Image, ImageOps

    with opened(path) as found:
        image = depth.to_8_bits(ImageOps.exif_transpose(found))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return image.convert("RGB")


def load_batch(
    files: Sequence[ImageFile], count: int, preprocessing: Preprocessing, depth: BitDepth = BY_THE_FILE
) -> tuple[ImageBatch, int, list[str]]:
    """The first ``count`` readable files, the number of files read, and one message per unreadable file."""
    import numpy as np

    pixels: list[NDArray[np.uint8]] = []
    taken: list[ImageFile] = []
    unreadable = []
    used = 0
    for file in files:
        if len(pixels) == count:
            break
        used += 1
        try:
            pixels.append(preprocessing.to_pixels(open_rgb(file.path, depth)))
            taken.append(file)
        except ImageDataError as error:
            unreadable.append(str(error).replace(str(file.path), file.name))
    empty = np.zeros((0, preprocessing.height, preprocessing.width, preprocessing.depth), np.uint8)
    stacked = np.stack(pixels) if pixels else empty
    hashes, names = tuple(file.sha256 for file in taken), tuple(file.name for file in taken)
    return ImageBatch(stacked, hashes, names), used, unreadable
