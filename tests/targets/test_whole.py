"""What the runtime makes of the whole model is the headline; nodes tried alone explain it."""

from pathlib import Path
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from ca_deploy.compat.check import check
from ca_deploy.graphs import flatbuffer
from ca_deploy.records.compat import CompatReport, Verdict
from tests.tflite_models import Model, subgraphs

SHAPE = (1, 8, 8, 16)


def _on_xnnpack(content: Model | Any, path: Path) -> CompatReport:
    path.write_bytes(content.content() if isinstance(content, Model) else flatbuffer.write(content))
    (report,) = check(path, ["xnnpack"])
    return report


def _verdicts(report: CompatReport) -> dict[str, Verdict]:
    return {node.operator: node.verdict for node in report.nodes}


def test_a_model_that_the_runtime_refuses_does_not_load_whatever_its_nodes_do(tmp_path: Path) -> None:
    """As tflite-micro's person_detect: scales along an axis that its scales do not have."""
    model = Model()
    x = model.conv(model.input(SHAPE), SHAPE, 16)
    model.conv(x, SHAPE, 16)
    content = model.model()
    weights = content.subgraphs[0].operators[1].inputs[1]
    content.subgraphs[0].tensors[weights].quantization.quantizedDimension = 7
    report = _on_xnnpack(content, tmp_path / "model.tflite")
    assert report.verdict == "does not load"
    assert "quantized_dimension must be in range" in report.refused and report.refused in report.notes[0]
    assert (report.accelerated_nodes, report.partitions, report.accelerated_multiply_adds_percent) == (0, 0, 0)
    assert [node.verdict for node in report.nodes] == ["accelerated", "unsupported"]
    assert "1 of 2" in report.notes[0]


@pytest.mark.parametrize("side", [-16, 2**30])
def test_a_constant_whose_shape_lies_is_tried_alone_too(side: int, tmp_path: Path) -> None:
    model = Model()
    model.conv(model.input(SHAPE), SHAPE, 16)
    content = model.model()
    weights = content.subgraphs[0].operators[0].inputs[1]
    content.subgraphs[0].tensors[weights].shape = [side, 1, 1, 16]
    report = _on_xnnpack(content, tmp_path / "model.tflite")
    assert (report.verdict, report.skipped) == ("does not load", "")


@pytest.mark.parametrize("target", ["litert_gpu", "nnapi", "hexagon", "tflite_coreml"])
def test_what_the_runtime_refuses_reaches_no_delegate(target: str, tmp_path: Path) -> None:
    model = Model()
    model.conv(model.input(SHAPE), SHAPE, 16)
    content, path = model.model(), tmp_path / "model.tflite"
    path.write_bytes(flatbuffer.write(content))
    (good,) = check(path, [target])
    weights = content.subgraphs[0].operators[0].inputs[1]
    content.subgraphs[0].tensors[weights].quantization.quantizedDimension = 7
    path.write_bytes(flatbuffer.write(content))
    (report,) = check(path, [target])
    assert not good.refused
    assert (report.verdict, report.accelerated_nodes) == ("does not load", 0)
    assert "quantized_dimension must be in range" in report.refused


def test_an_operator_without_a_kernel_is_named_even_in_a_file_without_buffers(tmp_path: Path) -> None:
    model = Model("float32")
    model.add("CUSTOM", [model.input(SHAPE)], SHAPE, custom="TeaLeaves")
    content = model.model()
    content.buffers = []
    report = _on_xnnpack(content, tmp_path / "model.tflite")
    assert "TeaLeaves" in report.refused and report.verdict == "does not load"
    assert _verdicts(report) == {"TeaLeaves": Verdict.UNSUPPORTED}


def test_a_custom_operator_with_a_kernel_runs_beside_the_delegate(tmp_path: Path) -> None:
    model = Model("float32")
    spectrum = model.add("CUSTOM", [model.input((16, 1))], (1, 3, 5), custom="AudioSpectrogram")
    model.add("ABS", [spectrum], (1, 3, 5))
    options = {"window_size": 8, "stride": 4, "magnitude_squared": False}
    model._operators[0].customOptions = list(flexbuffers.Dumps(options))
    report = _on_xnnpack(model, tmp_path / "model.tflite")
    assert not report.refused
    assert _verdicts(report) == {"AudioSpectrogram": Verdict.FALLS_BACK, "ABS": Verdict.ACCELERATED}


def test_a_crash_costs_what_crashed(tmp_path: Path) -> None:
    """A split without its second operand ends LiteRT's process, in the whole model and alone."""
    model = Model("float32")
    model.add("RELU", [model.input(SHAPE)], SHAPE)
    model.add("SPLIT", [model.input(SHAPE)], SHAPE)
    report = _on_xnnpack(model, tmp_path / "model.tflite")
    assert (report.verdict, report.refused) == ("does not load", "the process was killed by SIGSEGV")
    assert _verdicts(report) == {"RELU": Verdict.ACCELERATED, "SPLIT": Verdict.UNSUPPORTED}


def test_what_the_delegate_takes_in_the_model_is_accelerated_whatever_it_does_alone(tmp_path: Path) -> None:
    """A dilated convolution as Keras writes it: sizes that are computed at run time keep it from running alone."""
    model = Model("float32")
    x = model.input((1, 8, 8, 4))
    blocks, around = model.integers(2, 2), model.integers(2, 2, 2, 2, shape=(2, 2))
    spread = model.add("SPACE_TO_BATCH_ND", [x, blocks, around], (4, 6, 6, 4))
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
    options.padding = schema.Padding.VALID
    done = model.add("CONV_2D", [spread, model.weights((8, 3, 3, 4)), model.bias(8)], (4, 4, 4, 8), options=options)
    model.add("BATCH_TO_SPACE_ND", [done, blocks, model.integers(0, 0, 0, 0, shape=(2, 2))], (1, 8, 8, 8))
    report = _on_xnnpack(model, tmp_path / "model.tflite")
    assert _verdicts(report)["CONV_2D"] == Verdict.ACCELERATED
    assert report.accelerated_multiply_adds_percent == 100


def signatures() -> Any:
    one, two = Model("float32"), Model("float32")
    one.add("RELU", [one.input(SHAPE)], SHAPE)
    x = two.add("RELU", [two.input((1, 4))], (1, 4))
    x = two.add("REVERSE_V2", [x, two.integers(1)], (1, 4))
    two.add("RELU", [x], (1, 4))
    return subgraphs(one, two, keys=("encode", "decode"))


def branches() -> Any:
    """``IF(x[0] > 0) RELU else ABS``."""
    main, yes, no = Model("float32"), Model("float32"), Model("float32")
    condition, x = main.input(()), main.input((1, 4))
    options = schema.IfOptionsT()
    options.thenSubgraphIndex, options.elseSubgraphIndex = 1, 2
    y = main.add("IF", [condition, x], (1, 4), options=options)
    main.add("RELU", [y], (1, 4))
    yes.add("RELU", [yes.input((1, 4))], (1, 4))
    no.add("ABS", [no.input((1, 4))], (1, 4))
    main._tensors[condition].type = schema.TensorType.BOOL
    return subgraphs(main, yes, no)


def test_every_signature_is_read(tmp_path: Path) -> None:
    report = _on_xnnpack(signatures(), tmp_path / "model.tflite")
    assert [node.operator for node in report.nodes] == ["RELU", "RELU", "REVERSE_V2", "RELU"]
    assert (report.accelerated_nodes, report.partitions, report.measured_partitions) == (3, 3, 3)
    assert report.nodes[2].node.startswith("decode/") and report.nodes[2].verdict == Verdict.FALLS_BACK
    assert "1 in encode, 3 in decode" in report.notes[-1]


def test_branches_are_checked(tmp_path: Path) -> None:
    report = _on_xnnpack(branches(), tmp_path / "model.tflite")
    assert not report.refused
    assert {node.operator: node.verdict for node in report.nodes} == {
        "IF": Verdict.FALLS_BACK, "RELU": Verdict.ACCELERATED, "ABS": Verdict.ACCELERATED
    }  # fmt: skip
    assert "IF then" in report.notes[-2] and "known only at run time" in report.notes[-1]
