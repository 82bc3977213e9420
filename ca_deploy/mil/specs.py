"""The inputs and outputs of an ML Program as :class:`ca_deploy.records.tensors.TensorSpec`."""

from typing import cast

from ca_deploy.mil.program import Program, Tensor
from ca_deploy.records.tensors import DType, TensorSpec, output_layout


def tensor_specs(program: Program) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """The inputs (an image is uint8 NHWC, not normalised) and the outputs that are tensors."""
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
    return TensorSpec(tensor.name, tensor.shape, cast(DType, tensor.dtype), output_layout(len(tensor.shape)))
