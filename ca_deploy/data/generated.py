"""Images that need no files of the user's: noise, and squares cut from the photos that scikit-image carries."""

from typing import TYPE_CHECKING, Any

from ca_deploy.data.images import ImageBatch
from ca_deploy.files import sha256_of_bytes
from ca_deploy.records.preprocessing import Preprocessing

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Photos in every scikit-image wheel. A photo is in one part only, and each part has several.
CALIBRATION_PHOTOS = ("astronaut", "coffee", "rocket", "hubble_deep_field", "retina", "immunohistochemistry")
HELD_OUT_PHOTOS = ("chelsea", "stereo_motorcycle", "camera", "grass", "coins")


def noise(count: int, preprocessing: Preprocessing, seed: int) -> ImageBatch:
    """``count`` images of uniform noise."""
    import numpy as np

    shape = (count, preprocessing.height, preprocessing.width, preprocessing.depth)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    digests = tuple(sha256_of_bytes(image.tobytes()) for image in pixels)
    return ImageBatch(pixels, digests, tuple(map(str, range(count))))


def photo_crops(photos: tuple[str, ...], count: int, preprocessing: Preprocessing, seed: int) -> ImageBatch:
    """``count`` random square crops, of each photo in turn; a side is at least a third of the photo's shorter side.

    The digests are those of the squares as they are cut, so that they do not depend on how Pillow scales.
    """
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(seed)
    opened = [Image.fromarray(_photo(name)).convert("RGB") for name in photos]
    crops, digests, names = [], [], []
    for number in range(count):
        photo = opened[number % len(opened)]
        side = int(random.uniform(1 / 3, 1) * min(photo.size))
        left, top = (int(random.integers(length - side + 1)) for length in photo.size)
        square = photo.crop((left, top, left + side, top + side))
        crops.append(preprocessing.to_pixels(square))
        digests.append(sha256_of_bytes(square.tobytes()))
        names.append(f"{number} {photos[number % len(photos)]}")
    return ImageBatch(np.stack(crops), tuple(digests), tuple(names))


def _photo(name: str) -> "NDArray[Any]":
    import skimage.data

    found: Any = getattr(skimage.data, name)()
    photo: NDArray[Any] = found[0] if isinstance(found, tuple) else found  # the left one of a stereo pair
    return photo
