"""Give a float model a camera's input: a raw RGB image, normalised inside the file."""

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from ca_deploy.records.preprocessing import Preprocessing


def take_camera_rgb(model: onnx.ModelProto, preprocessing: "Preprocessing") -> list[str]:
    """Change the input in place from normalised ``(N, 3, S, S)`` to uint8 RGB ``(N, S, S, 3)``; returns the new nodes.

    NHWC is the layout of cameras and bitmaps. The bytes are transposed before they become floats, so the normalisation
    is one multiplication and one addition per value. It is not folded into the first convolution, which pads with zeros
    *after* normalisation: after folding, the padding would have another colour.
    """
    graph = model.graph
    (image,) = graph.input
    batch, channels, height, width = image.type.tensor_type.shape.dim
    mean, std = (np.asarray(v, np.float64).reshape(1, -1, 1, 1) for v in (preprocessing.mean, preprocessing.std))
    factor, offset = (1 / (preprocessing.divisor * std)).astype(np.float32), (-mean / std).astype(np.float32)
    normalised = f"{image.name}_normalised"
    for node in graph.node:
        node.input[:] = [normalised if name == image.name else name for name in node.input]
    steps = [
        helper.make_node("Transpose", [image.name], ["image_planes"], "normalise/Transpose", perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["image_planes"], ["image_float"], "normalise/Cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", ["image_float", "image_factor"], ["image_scaled"], "normalise/Mul"),
        helper.make_node("Add", ["image_scaled", "image_offset"], [normalised], "normalise/Add"),
    ]
    for index, node in enumerate(steps):
        graph.node.insert(index, node)
    graph.initializer.append(numpy_helper.from_array(factor, "image_factor"))
    graph.initializer.append(numpy_helper.from_array(offset, "image_offset"))
    shape = [side.dim_param or side.dim_value for side in (batch, height, width, channels)]
    image.CopyFrom(helper.make_tensor_value_info(image.name, TensorProto.UINT8, shape))
    model.CopyFrom(onnx.shape_inference.infer_shapes(model))
    return [node.name for node in steps]
