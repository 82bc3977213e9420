"""Instructions by operator and by module: exact, the same in every run, and where the work is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from ca_deploy.latency.jobs import Wishes
from ca_deploy.latency.session import profile_on
from ca_deploy.native import emulator
from ca_deploy.native.operator_counts import Call, Calls, Trace, instructions_of
from ca_deploy.records.latency import OperatorCounts
from tests.onnx_models import loop_and_branch, onnx_file
from tests.system_tools import unavailable
from tests.tflite_models import Model

SIDE, NARROW, WIDE = 32, 8, 128
KINDS = ("float32.tflite", "int8.tflite", "float32.onnx", "int8.onnx")


class OneImage(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self) -> None:
        self.left = [{"x": np.random.default_rng(0).normal(size=(1, NARROW, SIDE, SIDE)).astype(np.float32)}]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self.left.pop() if self.left else None


def tflite(path: Path, dtype: str) -> Path:
    """A gate between two narrow convolutions, then one with 16 times their work.

    XNNPACK leaves the activation before it alone in INT8.
    """
    model, shape = Model(dtype), (1, SIDE, SIDE, NARROW)
    first = model.conv(model.input(shape), shape, NARROW, "features.0")
    second = model.conv(first, shape, NARROW, "features.1")
    gate = model.add("LOGISTIC", [second], shape, name="features.2.attention.gate", scale=1 / 256, zero=-128)
    x = model.add("MUL", [first, gate], shape, name="features.2.attention.product")
    x = model.add("HARD_SWISH", [x], shape, name="features.3.act")
    model.conv(x, (1, SIDE, SIDE, WIDE), NARROW, "features.4")
    return model.save(path)


def onnx_network(path: Path) -> Path:
    """The same without the activation, which ONNX Runtime takes apart."""
    random = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(random.normal(size=(channels, NARROW, 1, 1)).astype(np.float32), f"w{index}")
        for index, channels in enumerate((NARROW, NARROW, WIDE))
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["a"], "features.0/Conv"),
        helper.make_node("Conv", ["a", "w1"], ["b"], "features.1/Conv"),
        helper.make_node("Sigmoid", ["b"], ["g"], "features.2.attention/Sigmoid"),
        helper.make_node("Mul", ["a", "g"], ["m"], "features.2.attention/Mul"),
        helper.make_node("Conv", ["m", "w2"], ["y"], "features.4/Conv"),
    ]
    return onnx_file(path, nodes, [1, NARROW, SIDE, SIDE], initializer=weights)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    if reason := emulator.missing():
        unavailable(reason)
    folder = tmp_path_factory.mktemp("counted")
    found = {kind: folder / kind for kind in KINDS}
    tflite(found["float32.tflite"], "float32")
    tflite(found["int8.tflite"], "int8")
    onnx_network(found["float32.onnx"])
    quant_pre_process(found["float32.onnx"], folder / "prepared.onnx")
    quantize_static(
        folder / "prepared.onnx", found["int8.onnx"], OneImage(), per_channel=True, activation_type=QuantType.QInt8
    )
    return found


def counted(files: Sequence[Path]) -> list[OperatorCounts]:
    report = profile_on("emulated:cortex-a76", files, Wishes(operators=True))
    assert not report.failures
    found = []
    for one in report.measurements:
        assert one.instructions is not None and one.operator_counts is not None
        assert one.operators is None
        # What ONNX Runtime does outside of operators varies by some hundreds from run to run.
        assert abs(one.operator_counts.total_instructions - one.instructions.total) <= 1000 * (".onnx" in one.file)
        found.append(one.operator_counts)
    return found


def test_they_add_up_repeat_and_lie_where_the_work_is(files: dict[str, Path]) -> None:
    once = counted(list(files.values()))
    again = counted([files["int8.tflite"], files["int8.onnx"]])
    assert again[0] == once[1]
    assert again[1].operators == once[3].operators
    for kind, found in zip(KINDS, once, strict=True):
        whole = sum(one.instructions for one in found.operators) + found.outside_instructions
        assert whole == found.total_instructions, kind
        # Dispatch, and what is done once per inference: more in ONNX Runtime.
        assert 0 < found.outside_instructions < (6000 if kind.endswith("onnx") else 300) * len(found.operators), kind
        for groups in (found.by_operator, found.by_module):
            assert sum(group.instructions for group in groups) + found.outside_instructions == whole
            assert sum(group.count for group in groups) == len(found.operators)
        assert found.by_module[0].name == "features.4", kind
        assert found.by_module[0].percent > 60, kind
        modules = {group.name: group.instructions for group in found.by_module}
        assert modules["features.0"] < modules["features.4"] / 5, kind
        attention = sum(group.instructions for group in found.attention_by_operator)
        assert attention == modules["features.2.attention"], kind
        assert found.profiler_instructions > 1000 * len(found.operators), kind


def test_what_xnnpack_leaves_to_the_runtime_is_counted_too(files: dict[str, Path]) -> None:
    (found,) = counted([files["int8.tflite"]])
    left = [one for one in found.operators if one.type == "HARD_SWISH"]
    assert [one.module for one in left] == ["features.3.act"]
    assert left[0].instructions > SIDE * SIDE * NARROW


def test_what_branches_and_loops_run_is_counted_each_time(files: dict[str, Path], tmp_path: Path) -> None:
    rounds, side = 3, 64
    (found,) = counted([loop_and_branch(tmp_path / "control.onnx", rounds, side)])
    counts = {kind: [one.instructions for one in found.operators if one.type == kind] for kind in ("Sqrt", "Exp")}
    assert [len(each) for each in counts.values()] == [rounds, 1]
    assert min(counts["Sqrt"]) > side * side / 8
    assert max(counts["Sqrt"]) < 1.2 * min(counts["Sqrt"])
    assert counts["Exp"][0] > side * side
    assert not {"If", "Loop"} & {one.type for one in found.operators}
    assert 0 < found.outside_instructions < 6000 * (len(found.operators) + 2)


def test_operators_are_found_between_readings() -> None:
    own, helper_of_profiler = 0x1000, 0x2000
    calls = (
        Call(1, own, 0, 90),
        Call(1, helper_of_profiler, 0, 500),
        Call(3, own, 1, 40),
        Call(4, own, 2, 30),
        Call(6, own, 3, 7),
    )
    trace = Trace(9999, (0, 700, 710, 760, 800, 900, 1020), calls, {own: 4, helper_of_profiler: 1})
    plain = Calls(300, {own: (91, 41, 31, 7), helper_of_profiler: ()})
    assert instructions_of([700], trace, plain) == [91]
    assert instructions_of([700, 90, 120], trace, plain) == [91, 72, 7]  # the second reads the clock in between
    assert instructions_of([700, 0, 50], trace, plain) == [91, 0, 41]
    assert instructions_of([700, 51], trace, plain) is None
    fewer = Calls(300, {own: (91, 41, 31), helper_of_profiler: ()})  # another run than the one that was traced
    assert instructions_of([700], trace, fewer) == [0]
