"""The inputs and outputs of a file, as a runtime describes them."""

from collections.abc import Sequence
from typing import cast, get_args

from ca_deploy.errors import ArtifactError
from ca_deploy.records.tensors import DType, Layout, TensorSpec

_DEPTHS = (1, 3, 4)


def spec_of(
    name: str, shape: Sequence[int], dtype: str, scale: float | None = None, zero_point: int | None = None
) -> TensorSpec:
    """The specification of one tensor. Two dimensions are NC; of four, the last decides between NHWC (3) and NCHW.

    uint8 tensors take raw values, which are not normalised.

    Raises:
        ArtifactError: the tensor is neither ``(N, C)`` nor an image, or has no numeric type.
    """
    if dtype not in get_args(DType):
        raise ArtifactError(f"Tensor {name!r} has the type {dtype}; ca-deploy only supports numeric tensors.")
    if len(shape) not in (2, 4):
        raise ArtifactError(f"Tensor {name!r} has the shape {tuple(shape)}; ca-deploy only supports images and (N, C).")
    layout: Layout = "NC"
    if len(shape) == 4:
        layout = "NHWC" if shape[-1] == 3 else "NCHW"
    return TensorSpec(
        name=name,
        shape=tuple(shape),
        dtype=cast(DType, dtype),
        layout=layout,
        scale=scale,
        zero_point=zero_point,
        normalised=dtype != "uint8",
    )
