"""From a photo to a network's input."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from ca_deploy.errors import UsageError
from ca_deploy.records.record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

Fit = Literal["crop", "stretch", "letterbox", "none"]
Channels = Literal["RGB", "BGR", "grey", "RGBA"]
Size = int | tuple[int, int]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CHANNEL_COUNT: dict[Channels, int] = {"RGB": 3, "BGR": 3, "grey": 1, "RGBA": 4}
STEEPEST = 16  # a strip that is longer would grow to gigabytes, of which the centre is kept


def sides(size: Size) -> tuple[int, int]:
    """Height and width of a size; one number is a square."""
    return (size, size) if isinstance(size, int) else size


LONGEST_SIDE = 2**16  # pixels


def can_normalise(mean: Iterable[float], std: Iterable[float]) -> bool:
    """Whether all are finite, and no standard deviation is 0 or less."""
    return all(map(math.isfinite, mean)) and all(0 < one < math.inf for one in std)


@record
class Preprocessing:
    """From a photo of any size to the network's input, ``(C, H, W)``.

    ``crop`` is the size of the input in pixels, one number for a square or ``(height, width)``, and ``fit`` says how a
    photo gets it (bilinear, antialiased):

    - ``crop``: scaled until it covers the input's shape with a shorter side of ``resize`` pixels, and the centre cut
      out; for a square this is torchvision's evaluation transform;
    - ``stretch``: scaled to the size, whatever its aspect;
    - ``letterbox``: scaled to fit inside, centred on ``padding`` (RGB, 0..255);
    - ``none``: it has to have the size already.

    Values 0..255 of ``channels`` are scaled to 0..``value_range``, then ``mean`` is subtracted, and the difference
    divided by ``std``, channel by channel in the order of the network. ``resize`` means something to ``crop`` only.
    """

    resize: int
    crop: Size
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    fit: Fit = "crop"
    channels: Channels = "RGB"
    value_range: Literal[1, 255] = 1
    padding: tuple[int, int, int] = (114, 114, 114)

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 1 or self.resize < min(self.height, self.width):
            raise UsageError(
                f"Preprocessing: --crop {self.size_text} does not fit into --resize {self.resize}. "
                "Both are in pixels, and the crop may be as large as the resize at most."
            )
        if max(self.resize, self.height, self.width) > LONGEST_SIDE:
            raise UsageError(
                f"Preprocessing: photos of {self.size_text} px (--resize {self.resize}) are larger than any network "
                f"takes: the longest side is {LONGEST_SIDE}."
            )
        count = CHANNEL_COUNT[self.channels]
        if len(self.mean) != count or len(self.std) != count or not can_normalise(self.mean, self.std):
            raise UsageError(
                f"Preprocessing: mean and std have one finite number for each of the {count} channels of "
                f"{self.channels}, and std is positive."
            )
        if not all(0 <= value <= 255 for value in self.padding):
            raise UsageError("Preprocessing: --padding is a colour, R G B from 0 to 255.")

    @property
    def height(self) -> int:
        return sides(self.crop)[0]

    @property
    def width(self) -> int:
        return sides(self.crop)[1]

    @property
    def depth(self) -> int:
        """How many channels the network takes."""
        return CHANNEL_COUNT[self.channels]

    @property
    def size_text(self) -> str:
        """``224x320``: height, then width."""
        return f"{self.height}x{self.width}"

    @property
    def covered(self) -> tuple[int, int]:
        """Height and width that a photo is scaled to cover before the centre is cut out."""
        shorter = min(self.height, self.width)
        return self.height * self.resize // shorter, self.width * self.resize // shorter

    @property
    def divisor(self) -> int:
        """What a value 0..255 is divided by before the mean is subtracted."""
        return 255 if self.value_range == 1 else 1

    @property
    def recipe_text(self) -> str:
        """How a photo gets the size, in a few words."""
        size = f"{self.height} x {self.width} px (height x width)"
        return {
            "crop": f"central {size} of a photo scaled to cover {self.covered[0]} x {self.covered[1]} px",
            "stretch": f"a photo stretched to {size}",
            "letterbox": f"a photo scaled to fit into {size}, the rest in the colour {self.padding}",
            "none": f"an image of {size}",
        }[self.fit]

    def to_pixels(self, image: "Image.Image") -> "NDArray[np.uint8]":
        """RGB or RGBA image of any size -> uint8 ``(H, W, C)``, in the channels of the network.

        Raises:
            UsageError: ``fit`` is "none", and the image has another size.
        """
        import numpy as np

        fitted = self._fitted(image.convert("RGBA" if self.channels == "RGBA" else "RGB"))
        if self.channels == "grey":
            return np.asarray(fitted.convert("L"), dtype=np.uint8)[..., None]
        pixels = np.asarray(fitted, dtype=np.uint8)
        return np.ascontiguousarray(pixels[..., ::-1]) if self.channels == "BGR" else pixels

    def placement(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Where a photo of ``size``, width and height, lies in the input: scale of x and of y, then left and top.

        A pixel of the photo, times the scale and plus the offset, is one of the input, as :meth:`to_pixels` makes it.
        """
        width, height = size
        if self.fit == "none":
            return 1.0, 1.0, 0.0, 0.0
        if self.fit == "stretch":
            return self.width / width, self.height / height, 0.0, 0.0
        longest = STEEPEST * min(size)
        lost = [(side - min(side, longest)) // 2 for side in size]
        width, height = (min(side, longest) for side in size)
        if self.fit == "letterbox":
            factor = min(self.width / width, self.height / height)
            inner = (max(1, round(width * factor)), max(1, round(height * factor)))
            left, top = (self.width - inner[0]) // 2, (self.height - inner[1]) // 2
        else:
            inner = self._scaled_to_cover(width, height)
            left, top = -round((inner[0] - self.width) / 2), -round((inner[1] - self.height) / 2)
        x, y = inner[0] / width, inner[1] / height
        return x, y, left - lost[0] * x, top - lost[1] * y

    def normalise(self, pixels: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        """uint8 ``(…, H, W, C)`` -> normalised float32 ``(…, C, H, W)``."""
        import numpy as np

        mean, std = (np.asarray(values, np.float32) for values in (self.mean, self.std))
        scaled = (pixels.astype(np.float32) / np.float32(self.divisor) - mean) / std
        return np.ascontiguousarray(np.moveaxis(scaled, -1, -3))

    def _fitted(self, image: "Image.Image") -> "Image.Image":
        from PIL import Image

        size = (self.width, self.height)
        if self.fit == "none":
            if image.size != size:
                raise UsageError(
                    f"With --fit none, photos have to be {self.size_text} px (height x width), and one is "
                    f"{image.height}x{image.width}. Scale them, or choose --fit crop, stretch or letterbox."
                )
            return image
        if self.fit == "stretch":
            return image.resize(size, Image.Resampling.BILINEAR)
        longest = STEEPEST * min(image.size)
        if max(image.size) > longest:
            width, height = (min(side, longest) for side in image.size)
            left, top = (image.width - width) // 2, (image.height - height) // 2
            image = image.crop((left, top, left + width, top + height))
        if self.fit == "letterbox":
            factor = min(self.width / image.width, self.height / image.height)
            inner = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
            canvas = Image.new(image.mode, size, (*self.padding, 255)[: len(image.mode)])
            scaled = image.resize(inner, Image.Resampling.BILINEAR)
            canvas.paste(scaled, ((self.width - inner[0]) // 2, (self.height - inner[1]) // 2))
            return canvas
        scaled_size = self._scaled_to_cover(*image.size)
        if scaled_size != image.size:
            image = image.resize(scaled_size, Image.Resampling.BILINEAR)
        left, top = round((image.width - self.width) / 2), round((image.height - self.height) / 2)
        return image.crop((left, top, left + self.width, top + self.height))

    def _scaled_to_cover(self, width: int, height: int) -> tuple[int, int]:
        """The width and height of a photo before its centre is cut out."""
        covered_height, covered_width = self.covered
        # Of the two factors the larger covers both sides; whole numbers, so that no side misses a pixel.
        if covered_width * height >= covered_height * width:
            scale, whole = covered_width, width
        else:
            scale, whole = covered_height, height
        return width * scale // whole, height * scale // whole


def one_per_channel(values: Sequence[float], channels: Channels, alpha: float) -> tuple[float, ...]:
    """Three numbers of R, G and B as the network's channels need them: BGR turned round, grey their mean, and RGBA
    with ``alpha`` behind them."""
    red, green, blue = values
    by_channels: dict[Channels, tuple[float, ...]] = {
        "RGB": (red, green, blue),
        "BGR": (blue, green, red),
        "grey": ((red + green + blue) / 3,),
        "RGBA": (red, green, blue, alpha),
    }
    return by_channels[channels]


def rgb_of(values: Sequence[float], channels: Channels) -> tuple[float, float, float]:
    """The three numbers that :func:`one_per_channel` makes these of."""
    if channels == "grey":
        return (values[0], values[0], values[0])
    red, green, blue = values[2::-1] if channels == "BGR" else values[:3]
    return (red, green, blue)
