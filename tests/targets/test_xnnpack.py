"""The XNNPACK target against the runtime itself: on the paper's block, and on several hundred generated nodes."""

import math
from collections import Counter
from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema

from ca_deploy import graphs
from ca_deploy.compat.check import check
from ca_deploy.records.compat import CompatReport
from ca_deploy.targets._partitions import partitions
from ca_deploy.targets._whole import delegated
from tests.tflite_models import Model

SHAPES = ((1, 8, 8, 16), (1, 7, 5, 8), (2, 8, 8, 16), (1, 1, 8, 16), (1, 64), (1, 8, 16))


def _only(path: Path, target: str = "xnnpack") -> CompatReport:
    (report,) = check(path, [target])
    return report


def authors_block(model: Model, x: int, height: int, width: int, channels: int, module: str) -> int:
    """Coordinate Attention as its authors write it, the way TensorFlow's converter spells it in TFLite."""

    def pool(kernel: tuple[int, int], shape: tuple[int, ...], name: str) -> int:
        options = schema.Pool2DOptionsT()
        options.filterHeight, options.filterWidth = kernel
        options.strideH = options.strideW = 1
        options.padding = schema.Padding.VALID
        return model.add("AVERAGE_POOL_2D", [x], shape, options=options, name=f"{module}.{name}")

    def transpose(y: int, shape: tuple[int, ...]) -> int:
        return model.add("TRANSPOSE", [y, model.integers(0, 2, 1, 3)], shape, name=module)

    rows = pool((1, width), (1, height, 1, channels), "pool_h")
    columns = transpose(pool((height, 1), (1, 1, width, channels), "pool_w"), (1, width, 1, channels))
    options = schema.ConcatenationOptionsT()
    options.axis = 1
    both = model.add("CONCATENATION", [rows, columns], (1, height + width, 1, channels), options=options, name=module)
    squeezed = model.conv(both, (1, height + width, 1, 8), channels, f"{module}.conv1")
    squeezed = model.add("HARD_SWISH", [squeezed], (1, height + width, 1, 8), name=f"{module}.act")
    split = schema.SplitVOptionsT()
    split.numSplits = 2
    operands = [squeezed, model.integers(height, width), model.integers(1, shape=())]
    rows = model.add("SPLIT_V", operands, (1, height, 1, 8), (1, width, 1, 8), options=split, name=f"{module}.split")
    columns = transpose(rows + 1, (1, 1, width, 8))
    return gates(model, x, rows, columns, (height, width, channels), module)


def rewritten_block(model: Model, x: int, height: int, width: int, channels: int, module: str) -> int:
    """Two means, the shared convolution once per branch, h-swish spelt out: no concatenation, no split."""

    def branch(axis: int, shape: tuple[int, ...]) -> int:
        options = schema.ReducerOptionsT()
        options.keepDims = True
        mean = model.add(
            "MEAN", [x, model.integers(axis)], (*shape, channels), options=options, version=2, name=f"{module}.pool"
        )
        squeezed = model.conv(mean, (*shape, 8), channels, f"{module}.conv1")
        add = schema.AddOptionsT()
        add.fusedActivationFunction = schema.ActivationFunctionType.RELU6
        gate = model.add("ADD", [squeezed, squeezed], (*shape, 8), options=add, version=2, name=f"{module}.act")
        return model.add("MUL", [squeezed, gate], (*shape, 8), options=schema.MulOptionsT(), version=2, name=module)

    rows, columns = branch(2, (1, height, 1)), branch(1, (1, 1, width))
    return gates(model, x, rows, columns, (height, width, channels), module)


def gates(model: Model, x: int, rows: int, columns: int, size: tuple[int, int, int], module: str) -> int:
    height, width, channels = size
    for branch, shape in ((columns, (1, 1, width, channels)), (rows, (1, height, 1, channels))):
        gate = model.conv(branch, shape, 8, f"{module}.conv")
        gate = model.add("LOGISTIC", [gate], shape, version=2, name=module, scale=1 / 256, zero=-128)
        x = model.add("MUL", [x, gate], (1, *size), options=schema.MulOptionsT(), version=2, name=module)
    return x


@pytest.mark.parametrize("blocks", [1, 3])
def test_the_authors_block_falls_off_in_int8(tmp_path: Path, blocks: int) -> None:
    model = Model()
    x = model.input((1, 12, 10, 32))
    for block in range(blocks):
        x = model.conv(x, (1, 12, 10, 32), 32, f"features.{block}.expand")
        x = authors_block(model, x, 12, 10, 32, f"features.{block}.attention")
    report = _only(model.save(tmp_path / "authors.tflite"))

    assert Counter(f.operator for f in report.findings) == {
        "AVERAGE_POOL_2D": 2 * blocks, "HARD_SWISH": blocks, "SPLIT_V": blocks
    }  # fmt: skip
    assert {f.verdict for f in report.findings} == {"falls back"}
    assert {f.module for f in report.findings if f.operator == "AVERAGE_POOL_2D"} == {
        f"features.{block}.attention.pool_{side}" for block in range(blocks) for side in "hw"
    }
    assert all(f.reason and f.remedy and f.evidence == "measured" for f in report.findings)
    assert report.partitions == report.measured_partitions
    assert report.partitions is not None and report.partitions > blocks
    assert all(kind.cost.bytes_crossing > 0 for kind in report.kinds)


def test_the_rewritten_block_is_one_partition(tmp_path: Path) -> None:
    model = Model()
    x = model.input((1, 12, 10, 32))
    for block in range(3):
        x = rewritten_block(model, x, 12, 10, 32, f"features.{block}.attention")
    report = _only(model.save(tmp_path / "rewritten.tflite"))
    assert (report.findings, report.partitions, report.measured_partitions) == ((), 1, 1)
    assert report.accelerated_multiply_adds_percent == 100


@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_generated_nodes_are_judged_as_the_runtime_judges_them_in_company(
    tmp_path: Path, dtype: str, shape: tuple[int, ...]
) -> None:
    """All nodes in one model, each between two that XNNPACK takes: what it refuses there, it refuses alone."""
    model = Model(dtype)
    x = model.input(shape)
    generate(model, x, shape)
    path = model.save(tmp_path / "family.tflite")
    report = _only(path)
    graph = graphs.read(path)
    assert len(report.nodes) >= 30
    taken = {finding.index for finding in report.nodes if finding.verdict == "accelerated"}
    real = delegated(path)
    assert taken == set().union(*real)
    assert {frozenset(piece) for piece in partitions(graph, taken)} == {frozenset(piece) for piece in real}
    assert report.partitions == report.measured_partitions == len(real)


def generate(model: Model, x: int, shape: tuple[int, ...]) -> None:
    """Operators x axes x fused activations that fit the shape; some are taken, some are not."""
    quantised = model.type != schema.TensorType.FLOAT32
    two = 2 if quantised else 1
    unary = ("HARD_SWISH", "RELU", "RELU6", "RELU_N1_TO_1", "TANH", "LOGISTIC", "ABS", "SQUARE", "FLOOR", "NEG", "ELU")
    fixed = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}
    for name in unary:
        if quantised and name in ("SQUARE", "FLOOR", "NEG", "ELU", "RELU_N1_TO_1"):
            continue  # the runtime has no INT8 kernel at all, and would refuse the model
        scale, zero = fixed.get(name, (0.05, 0))
        model.add(name, [x], shape, version=1 if name in ("HARD_SWISH", "ABS") else two, scale=scale, zero=zero)
    activations = schema.ActivationFunctionType
    for fused in (activations.NONE, activations.RELU, activations.RELU6):
        for name, options in (
            ("ADD", schema.AddOptionsT()),
            ("MUL", schema.MulOptionsT()),
            ("SUB", schema.SubOptionsT()),
        ):
            options.fusedActivationFunction = fused
            for other in {shape, (*shape[:-1], 1), (1,) * len(shape), shape[-1:]}:
                y = model.input(other)
                model.add(name, [x, y], shape, options=options, version=two)
    model.add("MAXIMUM", [x, model.input(shape)], shape, version=two)
    model.add("MINIMUM", [x, model.input(shape)], shape, version=two)
    axes = [(axis,) for axis in range(len(shape))] + [(1, 2)] * (len(shape) == 4)
    for reduced in axes:
        for keep in (True, False):
            options = schema.ReducerOptionsT()
            options.keepDims = keep
            left = tuple(1 if i in reduced else side for i, side in enumerate(shape) if keep or i not in reduced)
            for name in ("MEAN", "SUM", "REDUCE_MAX"):
                version = 2 if name != "SUM" else two
                model.add(name, [x, model.integers(*reduced)], left, options=options, version=version)
    for axis, side in enumerate(shape):
        if side % 2 == 0:
            halved = tuple(s // 2 if i == axis else s for i, s in enumerate(shape))
            options = schema.SplitOptionsT()
            options.numSplits = 2
            model.add("SPLIT", [model.integers(axis, shape=()), x], halved, halved, options=options, version=two)
        if side > 2:
            one, rest = (tuple(n if i == axis else s for i, s in enumerate(shape)) for n in (1, side - 1))
            options = schema.SplitVOptionsT()
            options.numSplits = 2
            operands = [x, model.integers(1, side - 1), model.integers(axis, shape=())]
            model.add("SPLIT_V", operands, one, rest, options=options, version=1)
            begin, size = [0] * len(shape), list(one)
            model.add("SLICE", [x, model.integers(*begin), model.integers(*size)], one, version=two)
        options = schema.ConcatenationOptionsT()
        options.axis = axis
        doubled = tuple(2 * s if i == axis else s for i, s in enumerate(shape))
        model.add("CONCATENATION", [x, x], doubled, options=options, version=two)
        order = [axis, *(i for i in range(len(shape)) if i != axis)]
        model.add("TRANSPOSE", [x, model.integers(*order)], tuple(shape[i] for i in order), version=two)
    flat = (1, math.prod(shape))
    model.add("RESHAPE", [x, model.integers(*flat)], flat)
    model.add("SOFTMAX", [x], shape, options=_softmax(), version=two, scale=1 / 256, zero=-128)
    if len(shape) == 4:
        for kernel in ((1, 1), (2, 2), (1, shape[2]), (shape[1], 1), shape[1:3]):
            for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
                options = schema.Pool2DOptionsT()
                options.filterHeight, options.filterWidth = kernel
                options.strideH = options.strideW = 1
                options.padding = schema.Padding.VALID
                pooled = (shape[0], shape[1] - kernel[0] + 1, shape[2] - kernel[1] + 1, shape[3])
                if min(pooled) > 0:
                    model.add(name, [x], pooled, options=options, version=two)
        model.conv(x, (*shape[:3], 8), shape[3])


def _softmax() -> schema.SoftmaxOptionsT:
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    return options
