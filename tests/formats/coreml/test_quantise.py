"""Activations in INT8."""

from pathlib import Path

import pytest

from ca_deploy.mil.executor import Executor
from ca_deploy.records.conversion import Converted


def test_activations_are_quantised_without_zero_points(exported: dict[str, tuple[Path, Converted]]) -> None:
    path, converted = exported["coreml_static_wi8_ai8"]
    executor = Executor(path)
    kinds: dict[str, int] = {}
    for operation in executor.program.operations:
        if operation.kind == "quantize":
            kind = executor.constant(operation.inputs["output_dtype"])
            kinds[kind] = kinds.get(kind, 0) + 1
            zero_point = operation.inputs.get("zero_point")
            assert zero_point is None or executor.constant(zero_point) == 0
    assert kinds["uint8"] > 3  # what a ReLU6 or a sigmoid gives
    assert kinds["int8"] >= 1  # the normalised image
    assert {found.operator for found in converted.float_operators} == {"mul", "reduce_mean", "sigmoid_hard"}
    quantizes = [operation for operation in executor.program.operations if operation.kind == "quantize"]
    gates = [o for o in quantizes if executor.program.producer(o.inputs["input"].name).kind == "sigmoid"]
    scales = [float(executor.constant(gate.inputs["scale"])) for gate in gates]
    assert scales == pytest.approx([1 / 256] * len(scales), rel=1e-3)
