"""The last stages of a float ONNX graph."""

import onnx

from ca_deploy.formats._last_stage import LastStages, Node
from ca_deploy.formats.onnx.calibrate import float_tensors
from ca_deploy.formats.onnx.quantise import QUANTISED

_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN")
_BOUNDED = ("Sigmoid", "HardSigmoid", "Softmax")


def last_stages(model: onnx.ModelProto) -> LastStages:
    """Those of the float outputs. A product of two activations is not a layer."""
    graph, floats = model.graph, set(float_tensors(model))
    constants = {constant.name for constant in graph.initializer}
    nodes = [
        Node(
            name=node.name,
            kind=node.op_type,
            takes=tuple(name for name in node.input if name in floats),
            gives=tuple(name for name in node.output if name in floats),
            layer=node.op_type in _LAYERS and not constants.isdisjoint(node.input),
            bounded=node.op_type in _BOUNDED,
            joins=node.op_type == "Concat",
        )
        for node in graph.node
    ]
    integer = [node for node in nodes if node.kind in QUANTISED]
    quantised = {name for node in integer for name in (*node.takes, *node.gives)}
    return LastStages.of(nodes, [value.name for value in graph.output if value.name in floats], quantised)
