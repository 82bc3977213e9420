"""The inputs and outputs of an ML Program as :class:`ca_deploy.records.tensors.TensorSpec`."""

from typing import cast

from ca_deploy.errors import ArtifactError
from ca_deploy.mil.program import Program, Tensor
from ca_deploy.records.tensors import DType, Layout, TensorSpec

_LAYOUTS: dict[int, Layout] = {2: "NC", 4: "NCHW"}


def tensor_specs(program: Program) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """The inputs (an image is uint8 NHWC, not normalised) and the outputs that are tensors.

    Raises:
        ArtifactError: one of them is neither ``(N, C)`` nor ``(N, C, H, W)``.
    """
    made = {tensor.name: tensor for operation in program.operations for tensor in operation.outputs}
    inputs = []
    for tensor in program.inputs:
        if tensor.name in program.images:
            batch, channels, height, width = tensor.shape
            inputs.append(TensorSpec(tensor.name, (batch, height, width, channels), "uint8", "NHWC", normalised=False))
        else:
            inputs.append(_spec(tensor))
    tensors = [made[name] for name in program.outputs if name in made and made[name].dtype != "other"]
    return tuple(inputs), tuple(_spec(tensor) for tensor in tensors)


def _spec(tensor: Tensor) -> TensorSpec:
    if len(tensor.shape) not in _LAYOUTS:
        raise ArtifactError(
            f"{tensor.name!r} has {len(tensor.shape)} dimensions; ca-deploy supports (N, C) and (N, C, H, W)."
        )
    return TensorSpec(tensor.name, tensor.shape, cast(DType, tensor.dtype), _LAYOUTS[len(tensor.shape)])
