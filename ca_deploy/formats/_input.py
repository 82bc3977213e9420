"""What a file takes, in words for a comment in code and in numbers for the code."""

from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.tensors import TensorSpec

LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}  # of the types that a quantised input has


def input_text(spec: TensorSpec, preprocessing: Preprocessing) -> str:
    """``RGB NCHW, float32, (value / 255 - MEAN) / STD``."""
    value = "value / 255" if preprocessing.value_range == 1 else "value"
    values = f"({value} - MEAN) / STD" if spec.normalised else "raw 0..255"
    return f"{preprocessing.channels} {spec.layout}, {spec.dtype}, {values}"


def is_square_crop(preprocessing: Preprocessing) -> bool:
    """Whether the code needs one number for the input's size, and one for what a photo is scaled to."""
    return preprocessing.fit == "crop" and preprocessing.height == preprocessing.width
