"""An image file opened by Pillow, whose doubts are not shown: a file can be used, or is refused with our error."""

import functools
import importlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.errors import ImageDataError, wrong_in_file
from ca_deploy.files import other_kind
from ca_deploy.plugins import not_installed

if TYPE_CHECKING:
    from PIL import Image

_SIDEWAYS = (5, 6, 7, 8)  # values of the tag that exchange width and height (EXIF 2.3, "Orientation")


@contextmanager
def opened(path: Path) -> "Iterator[Image.Image]":
    """The image, to be decoded inside.

    Raises:
        ImageDataError: the file is not an image, damaged, or too large.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        if kind := other_kind(path):
            raise ImageDataError(f"Image {path} {kind}.")
        _prepare()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, and of damaged metadata, which is not used
            with Image.open(path) as image:
                yield image
    except ImageDataError:
        raise
    except Image.DecompressionBombError as error:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6
        raise ImageDataError(f"Image {path} has more than {limit:.0f} million pixels. Make it smaller.") from error
    except MemoryError as error:
        raise ImageDataError(f"Image {path} is too large for this machine's memory. Make it smaller.") from error
    except UnidentifiedImageError as error:
        raise ImageDataError(f"Image {path} cannot be read: it is damaged, or not of a format of images.") from error
    except Exception as error:  # each of Pillow's decoders fails in its own way on what is damaged
        raise ImageDataError(f"Image {path} cannot be read: {wrong_in_file(error)}") from error


def turned_hint(photo: Path) -> str:
    """A sentence on a photo that its orientation tag (EXIF) lays on its side, else ""; to go behind a sentence.

    Raises:
        ImageDataError: the file is not an image, damaged, or too large.
    """
    from PIL import ExifTags

    with opened(photo) as image:
        sideways = image.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS
    return " The photo is turned by its EXIF data: save it upright." if sideways else ""


@functools.cache
def _prepare() -> None:
    """Let Pillow open HEIC photos, where pillow-heif is installed, and print nothing of damage."""
    logging.getLogger("PIL").addHandler(logging.NullHandler())  # without any, Python prints it
    if not not_installed(["pillow_heif"]):
        pillow_heif = importlib.import_module("pillow_heif")

        pillow_heif.register_heif_opener()
