"""Which operators does ONNX Runtime compute slower in float16 than in float32 with conversions around?

    python benchmarks/float16_operators.py float16_operators/

Each operator alone on a map of 64x56x56 between conversions from and to float32: instructions per element on an
emulated Cortex-A76, in float16, and in float32 between two more conversions. Prints Markdown.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import ca_deploy

SHAPE = (1, 64, 56, 56)
FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
ALONE = (
    *("Relu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "LeakyRelu", "Elu", "Erf", "Exp", "Sqrt", "Abs", "Neg"),
    *("Softplus", "Softmax", "GlobalAveragePool", "ReduceMean"),
)
# Operator -> its further inputs, by what they hold; integers as they are, floats in the precision of the map.
OPERATORS: dict[str, list[object]] = {
    **{name: [np.full(SHAPE, 1.5)] for name in ("Add", "Sub", "Mul", "Div")},
    **{name: [] for name in ALONE},
    "Clip": [0.0, 6.0],
    "Max": [2.0],
    "Pow": [2.0],
    "PRelu": [np.ones((64, 1, 1))],
    "LayerNormalization": [np.ones(56)],
    "InstanceNormalization": [np.ones(64), np.ones(64)],
    "MatMul": [np.ones((56, 56))],
    "Gather": [np.zeros(1, np.int64)],
    "Expand": [np.array((2, *SHAPE[1:]))],
    "Pad": [np.array((0, 0, 1, 1, 0, 0, 1, 1))],
}


def model(operator: str, in_float16: bool) -> onnx.ModelProto:
    """``x`` (float32) -> float16 -> the operator, in float16 or between conversions -> float16 -> ``y`` (float32)."""
    constants = []
    for place, given in enumerate(OPERATORS[operator]):
        value = np.asarray(given)
        if value.dtype.kind == "f":
            value = value.astype(np.float16 if in_float16 else np.float32)
        constants.append(numpy_helper.from_array(value, f"constant_{place}"))
    taken, given = ("half", "result") if in_float16 else ("wide", "wide_result")
    nodes = [
        helper.make_node("Cast", ["x"], ["half"], to=HALF),
        helper.make_node(operator, [taken, *(one.name for one in constants)], [given]),
        helper.make_node("Cast", ["result"], ["y"], to=FLOAT),
    ]
    if not in_float16:
        nodes.insert(1, helper.make_node("Cast", ["half"], ["wide"], to=FLOAT))
        nodes.insert(3, helper.make_node("Cast", ["wide_result"], ["result"], to=HALF))
    inputs = [helper.make_tensor_value_info("x", FLOAT, SHAPE)]
    outputs = [helper.make_tensor_value_info("y", FLOAT, None)]
    graph = helper.make_graph(nodes, operator, inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def rows(folder: Path) -> Iterator[str]:
    files = {}
    for operator in OPERATORS:
        for in_float16 in (True, False):
            files[operator, in_float16] = folder / f"{operator}_{16 if in_float16 else 32}.onnx"
            onnx.save(model(operator, in_float16), files[operator, in_float16])
    report = ca_deploy.profile([str(path) for path in files.values()], "emulated:cortex-a76")
    counts = {found.file: found.instructions.total for found in report.measurements if found.instructions}
    yield "| operator | float16 | float32, with conversions |"
    yield "|---|---|---|"
    for operator in OPERATORS:
        half, wide = (counts[str(files[operator, kind])] / np.prod(SHAPE) for kind in (True, False))
        yield f"| {operator} | {half:.1f} | {wide:.1f} |"


destination = Path(sys.argv[1])
destination.mkdir(parents=True, exist_ok=True)
sys.stdout.write("\n".join(rows(destination)) + "\n")
