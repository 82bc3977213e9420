"""What a tensor of a file from anywhere holds, as a runtime describes it."""

from collections.abc import Sequence
from typing import cast, get_args

from ca_deploy.errors import ArtifactError
from ca_deploy.records.tensors import DType, Layout, TensorSpec


def spec_of(
    name: str, shape: Sequence[int], dtype: str, scale: float | None = None, zero_point: int | None = None
) -> TensorSpec:
    """The layout is told by the number of sides, and by a last side of 3; uint8 holds raw values.

    Raises:
        ArtifactError: neither ``(N, C)`` nor an image, or not of numbers.
    """
    if dtype not in get_args(DType):
        raise ArtifactError(f"Tensor {name!r} holds {dtype}, and ca-deploy feeds and reads numbers only.")
    if len(shape) not in (2, 4):
        raise ArtifactError(
            f"Tensor {name!r} has the shape {tuple(shape)}; ca-deploy feeds and reads images and (N, C) only."
        )
    layout = "NC" if len(shape) == 2 else "NHWC" if shape[-1] == 3 else "NCHW"
    given = cast(DType, dtype), cast(Layout, layout), scale, zero_point
    return TensorSpec(name, tuple(shape), *given, normalised=dtype != "uint8")
