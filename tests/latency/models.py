"""Model files made in a moment, with names as ca-deploy's exporters give them."""

from pathlib import Path

import numpy as np


def onnx_file(path: Path, side: int = 32, channels: int = 8) -> Path:
    """A convolution, and something that calls itself attention."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(0).normal(size=(channels, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["c"], "features.0/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("AveragePool", ["c"], ["p"], "features.1.attention.pool/AveragePool", kernel_shape=[1, side]),
        helper.make_node("Sigmoid", ["p"], ["s"], "features.1.attention/Sigmoid"),
        helper.make_node("Mul", ["c", "s"], ["m"], "features.1.attention/Mul"),
        helper.make_node("ReduceMean", ["m", "axes"], ["logits"], "pool/ReduceMean", keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, channels])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.array([2, 3]), "axes")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def tflite_file(path: Path, side: int = 32) -> Path:
    """``logits = image * sigmoid(image) + image``, in float."""
    from ai_edge_litert import schema_py_generated as schema

    from ca_deploy.graphs import flatbuffer

    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers = 3, [schema.BufferT()]
    graph.tensors = []
    for name in ("image", "features.1.attention;0", "features.1.attention;1", "logits"):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name.encode(), [1, side, side, 3], schema.TensorType.FLOAT32
        tensor.buffer = 0
        graph.tensors.append(tensor)
    graph.operators, model.operatorCodes = [], []
    for kind, inputs, output in (("LOGISTIC", [0], 1), ("MUL", [0, 1], 2), ("ADD", [2, 0], 3)):
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
        operator.opcodeIndex, operator.inputs, operator.outputs = len(model.operatorCodes), inputs, [output]
        if kind != "LOGISTIC":
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, f"{kind.title()}Options")
            operator.builtinOptions = getattr(schema, f"{kind.title()}OptionsT")()
        model.operatorCodes.append(code)
        graph.operators.append(operator)
    graph.inputs, graph.outputs, graph.name = [0], [3], b"main"
    model.subgraphs, model.signatureDefs = [graph], [_signature()]
    path.write_bytes(flatbuffer.write(model))
    return path


def _signature() -> object:
    from ai_edge_litert import schema_py_generated as schema

    signature, taken, given = schema.SignatureDefT(), schema.TensorMapT(), schema.TensorMapT()
    taken.name, taken.tensorIndex, given.name, given.tensorIndex = b"image", 0, b"logits", 3
    signature.signatureKey, signature.inputs, signature.outputs = b"serving_default", [taken], [given]
    signature.subgraphIndex = 0
    return signature
