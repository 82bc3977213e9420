"""What goes in and out of a model: tensor specifications and image preprocessing, in one place."""

import math
from typing import TYPE_CHECKING, Literal

from ca_deploy.errors import UsageError
from ca_deploy.records.record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

DType = Literal[
    "float32", "float16", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"
]
Layout = Literal["NCHW", "NHWC", "NC"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@record
class TensorSpec:
    """One input or output of a file. A dimension of -1 is dynamic.

    ``scale`` and ``zero_point`` belong to integer tensors: ``real = (stored - zero_point) * scale``.
    ``normalised`` says whether the tensor expects mean and std already applied (True), or raw
    0..255 RGB whose normalisation is inside the file (False).
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    layout: Layout
    scale: float | None = None
    zero_point: int | None = None
    normalised: bool = True

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.layout):
            raise UsageError(f"Tensor {self.name!r}: shape {self.shape} does not have the layout {self.layout}.")
        if (self.scale is None) != (self.zero_point is None):
            raise UsageError(f"Tensor {self.name!r}: scale and zero_point belong together.")


@record
class Preprocessing:
    """From a photo to the network's input, as in torchvision's evaluation transform.

    Resize the shorter side to ``resize`` pixels (bilinear, antialiased), cut the central ``crop`` square,
    scale to 0..1, subtract ``mean``, divide by ``std`` (RGB order).
    """

    resize: int
    crop: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        if self.crop < 1 or self.resize < self.crop:
            raise UsageError(
                f"Preprocessing: --crop {self.crop} does not fit into --resize {self.resize}. "
                "Both are in pixels, and the crop may be as large as the resize at most."
            )
        finite = all(map(math.isfinite, (*self.mean, *self.std)))
        if len(self.mean) != 3 or len(self.std) != 3 or not finite or any(s <= 0 for s in self.std):
            raise UsageError(
                "Preprocessing: --mean and --std take three finite numbers each (RGB), and std is positive."
            )

    def crop_rgb(self, image: "Image.Image") -> "NDArray[np.uint8]":
        """RGB image of any size -> uint8 ``(crop, crop, 3)``."""
        import numpy as np
        from PIL import Image, ImageOps

        shorter = min(image.size)
        if max(image.size) > 16 * shorter:  # a strip would grow to gigabytes, of which the centre is kept
            image = ImageOps.fit(image, (min(image.width, 16 * shorter), min(image.height, 16 * shorter)))
        width, height = (side * self.resize // shorter for side in image.size)
        if (width, height) != image.size:
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        left, top = round((width - self.crop) / 2), round((height - self.crop) / 2)
        return np.asarray(image.crop((left, top, left + self.crop, top + self.crop)), dtype=np.uint8)

    def normalise(self, rgb: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        """uint8 ``(…, S, S, 3)`` -> normalised float32 ``(…, 3, S, S)``."""
        import numpy as np

        mean, std = (np.asarray(values, np.float32) for values in (self.mean, self.std))
        scaled = (rgb.astype(np.float32) / np.float32(255) - mean) / std
        return np.ascontiguousarray(np.moveaxis(scaled, -1, -3))
