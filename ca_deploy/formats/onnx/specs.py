"""The input and output tensors of an ONNX file."""

from typing import cast

import onnx
from onnx import helper, numpy_helper

from ca_deploy.records.signature import Signature
from ca_deploy.records.tensors import DType, Layout, TensorSpec, output_layout


def tensor_specs(
    model: onnx.ModelProto, signature: Signature, normalised: bool
) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """The inputs and the outputs; integer ones with scale and zero point. Raw images (not normalised) are NHWC."""
    images = {taken.name for taken in signature.images}
    layout: Layout = "NCHW" if normalised else "NHWC"
    inputs = tuple(
        _spec(value, model, layout if value.name in images else "other", normalised or value.name not in images)
        for value in model.graph.input
    )
    outputs = []
    for value in model.graph.output:
        rank = len(value.type.tensor_type.shape.dim)
        outputs.append(_spec(value, model, output_layout(rank), True))
    return inputs, tuple(outputs)


def _spec(value: onnx.ValueInfoProto, model: onnx.ModelProto, layout: Layout, normalised: bool) -> TensorSpec:
    tensor = value.type.tensor_type
    shape = tuple(-1 if dim.dim_param else dim.dim_value for dim in tensor.shape.dim)
    dtype = cast(DType, helper.tensor_dtype_to_np_dtype(tensor.elem_type).name)
    if tensor.elem_type != onnx.TensorProto.INT8:
        return TensorSpec(value.name, shape, dtype, layout, normalised=normalised)
    constants = {constant.name: constant for constant in model.graph.initializer}
    neighbours = (
        node
        for node in model.graph.node
        if node.op_type in ("QuantizeLinear", "DequantizeLinear") and value.name in (node.input[0], node.output[0])
    )
    if (neighbour := next(neighbours, None)) is None:  # integers of the network's own
        return TensorSpec(value.name, shape, dtype, layout, normalised=normalised)
    scale, zero_point = (numpy_helper.to_array(constants[name]).item() for name in neighbour.input[1:3])
    return TensorSpec(value.name, shape, dtype, layout, scale, zero_point, normalised)
