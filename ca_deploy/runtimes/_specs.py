"""The inputs and outputs of a file, as a runtime describes them."""

from collections.abc import Sequence
from typing import cast, get_args

from ca_deploy.errors import ArtifactError
from ca_deploy.records.tensors import DType, TensorSpec, output_layout

_DEPTHS = (1, 3, 4)


def spec_of(
    name: str, shape: Sequence[int], dtype: str, scale: float | None = None, zero_point: int | None = None
) -> TensorSpec:
    """The specification of one tensor. Four dimensions are an image, whose 1, 3 or 4 channels are where they are.

    uint8 tensors take raw values, which are not normalised.

    Raises:
        ArtifactError: the tensor has no numeric type.
    """
    if dtype not in get_args(DType):
        raise ArtifactError(
            f"Tensor {name!r} has the type {dtype}, which ca-deploy cannot feed or compare: it takes "
            f"{', '.join(get_args(DType))}. `ca-deploy check` and `ca-deploy profile` without --verify do not need to."
        )
    layout = output_layout(len(shape))
    if layout == "NCHW" and shape[-1] in _DEPTHS and shape[1] not in _DEPTHS:
        layout = "NHWC"
    return TensorSpec(
        name=name,
        shape=tuple(shape),
        dtype=cast(DType, dtype),
        layout=layout,
        scale=scale,
        zero_point=zero_point,
        normalised=dtype != "uint8",
    )
