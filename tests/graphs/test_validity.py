"""Graphs that no runtime can run are refused by every target alike, and packages that lead out of themselves too."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from typer.testing import CliRunner, Result

from ca_deploy.cli import app
from ca_deploy.errors import ArtifactError
from ca_deploy.graphs import Graph, Node, Tensor, damaged, flatbuffer, read
from ca_deploy.graphs.validity import invalid
from tests.mil.test_package import write_package
from tests.tflite_models import Model, subgraphs

VERBS = (["check"], ["profile", "--runs", "1", "--starts", "1", "--min-seconds", "0"], ["parity", "--against", "FILE"])


def run(verb: list[str], path: Path) -> Result:
    return CliRunner().invoke(app, [text.replace("FILE", str(path)) for text in (*verb, str(path))])


def onnx_model(path: Path, *nodes: onnx.NodeProto) -> Path:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy")
    graph = helper.make_graph(list(nodes), "g", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


@pytest.mark.parametrize("target", ["ort_cpu", "ort_nnapi", "ort_xnnpack", ""])
def test_a_cycle_and_a_missing_input_exit_with_2_on_every_target(tmp_path: Path, target: str) -> None:
    make = helper.make_node
    cycle = [make("Add", ["x", "b"], ["a"], name="first"), make("Relu", ["a"], ["b"]), make("Relu", ["b"], ["y"])]
    for path, said in (
        (onnx_model(tmp_path / "cycle.onnx", *cycle), "first"),
        (onnx_model(tmp_path / "missing.onnx", make("Add", ["x", "nowhere"], ["y"])), "nowhere"),
        (onnx_model(tmp_path / "never.onnx", make("Relu", ["x"], ["z"])), "y is needed"),
    ):
        done = CliRunner().invoke(app, ["check", str(path), *(("--target", target) if target else ())])
        assert done.exit_code == 2 and "is invalid" in done.stderr and said in done.stderr, done.output


@pytest.mark.parametrize("verb", ["check", "parity", "evaluate", "profile"])
def test_functions_that_cannot_be_expanded(verb: str, tmp_path: Path) -> None:
    """Thirty, each of which calls the one before twice, and one that calls itself; three are fine."""
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]

    def call(number: int, given: str, made: str) -> onnx.NodeProto:
        return helper.make_node(f"f{number}", [given], [made], domain="own")

    def model(depth: int, first: onnx.NodeProto) -> Path:
        functions = [helper.make_function("own", "f0", ["a"], ["b"], [first], opsets)]
        for number in range(1, depth):
            nodes = [call(number - 1, "a", "t"), call(number - 1, "t", "b")]
            functions.append(helper.make_function("own", f"f{number}", ["a"], ["b"], nodes, opsets))
        x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy")
        graph = helper.make_graph([call(depth - 1, "x", "y")], "g", [x], [y])
        onnx.save(helper.make_model(graph, functions=functions, opset_imports=opsets, ir_version=9), path)
        return path

    path = tmp_path / "model.onnx"
    (tmp_path / "photos" / "rose").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "rose" / "1.png")
    more = {"parity": ["--against", str(path)], "evaluate": ["--data", str(tmp_path / "photos")]}.get(verb, [])
    for depth, first, said in (
        (30, helper.make_node("Relu", ["a"], ["b"]), "30 functions call each other so often"),
        (3, call(2, "a", "b"), "calls itself"),
    ):
        done = CliRunner().invoke(app, [verb, str(model(depth, first)), *more])
        assert done.exit_code == 2 and said in done.stderr, done.output
    assert len(read(model(3, helper.make_node("Relu", ["a"], ["b"]))).nodes) == 1


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_an_input_that_nobody_reads_and_outputs_that_are_constants_are_valid(verb: list[str], tmp_path: Path) -> None:
    x, unused, y, held, made = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x", "unused", "y", "held", "made")
    )
    constants = [numpy_helper.from_array(np.full((1, 4), 2, np.float32), name) for name in ("held", "value")]
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Constant", [], ["made"], value=constants[1])]
    graph = helper.make_graph(nodes, "g", [x, unused], [y, held, made], constants[:1])
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    found = read(path)
    assert [found.tensors[place].name for place in (*found.inputs, *found.outputs)] == [
        "x",
        "unused",
        "y",
        "held",
        "made",
    ]
    done = run([*verb, *(("--target", "ort_cpu") if verb == ["check"] else ())], path)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("verb", [*VERBS, ["check", "--target", "xnnpack"]], ids=" ".join)
@pytest.mark.parametrize("lacks", ["input", "first operand", "output"])
def test_a_tflite_model_without_what_it_needs(verb: list[str], lacks: str, tmp_path: Path) -> None:
    model = Model("float32")
    x, nowhere = model.input((1, 4)), model.tensor((1, 4), "nowhere")
    y = model.add("ADD", [nowhere if lacks == "first operand" else x, x], (1, 4), options=schema.AddOptionsT())
    model.outputs = [nowhere if lacks == "output" else y]
    content = model.model()
    if lacks == "input":
        content.subgraphs[0].inputs = []
    path = tmp_path / "model.tflite"
    path.write_bytes(flatbuffer.write(content))
    done = run(verb, path)
    assert done.exit_code == 2 and f"{'input0' if lacks == 'input' else 'nowhere'} is needed" in done.stderr, (
        done.output
    )


def test_a_tflite_model_may_read_variables_empty_tensors_and_only_the_shape_of_a_reshape(tmp_path: Path) -> None:
    model = Model("float32")
    x, kept, empty, shape = (model.input((1, 4)), *map(model.tensor, ((1, 4), (0,), (2, 2))))
    y = model.add("ADD", [x, kept], (1, 4), options=schema.AddOptionsT())
    y = model.add("RESHAPE", [y, shape], (2, 2), options=schema.ReshapeOptionsT())
    model.add("CUSTOM", [y, empty, model.tensor((8,), "scratch")], (2, 2), custom="ethos-u")
    content = model.model()
    content.subgraphs[0].tensors[kept].isVariable = True
    path = tmp_path / "model.tflite"
    path.write_bytes(flatbuffer.write(content))
    assert len(read(path).nodes) == 3


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_a_cycle_is_refused_by_every_verb(verb: list[str], tmp_path: Path) -> None:
    """LiteRT runs the operators in the order of the file, whatever they wait for."""
    model = Model("float32")
    x, late = model.input((1, 4)), model.tensor((1, 4), "late")
    early = model.add("ADD", [x, late], (1, 4), options=schema.AddOptionsT())
    model.add("RELU", [early], (1, 4))
    content = model.model()
    content.subgraphs[0].operators[1].outputs = [late]
    content.subgraphs[0].outputs = [early]
    path = tmp_path / "cycle.tflite"
    path.write_bytes(flatbuffer.write(content))
    done = run(verb, path)
    assert done.exit_code == 2 and "in a circle" in done.stderr, done.output


def test_what_onnx_runtime_calls_invalid_exits_with_2(tmp_path: Path) -> None:
    path = onnx_model(tmp_path / "types.onnx", helper.make_node("Cast", ["x"], ["y"], to=TensorProto.INT64))
    done = CliRunner().invoke(app, ["check", str(path), "--target", "ort_cpu"])
    assert done.exit_code == 2 and "not a valid model" in done.stderr and "types.onnx" in done.stderr, done.output


def test_an_operator_that_the_runtime_does_not_know_is_a_finding(tmp_path: Path) -> None:
    node = helper.make_node("Strange", ["x"], ["y"], domain="my.own")
    done = CliRunner().invoke(app, ["check", str(onnx_model(tmp_path / "own.onnx", node)), "--target", "ort_cpu"])
    assert done.exit_code == 1, done.output


def test_tensors_out_of_range() -> None:
    tensors = (Tensor("x", (1,), "float32"), Tensor("y", (1,), "float32"))
    for inputs, outputs, fed in (((7,), (1,), 0), ((0,), (-5,), 0), ((0,), (1,), 9)):
        graph = Graph("toy", 1, (Node(0, "n", "", "Relu", inputs, outputs),), tensors, (fed,), (1,))
        assert "there are 2" in invalid(graph)
    assert not invalid(Graph("toy", 1, (Node(0, "n", "", "Relu", (0, -1), (1,)),), tensors, (0,), (1,)))


def test_a_parser_that_fails_in_any_way_refuses_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = onnx_model(tmp_path / "model.onnx", helper.make_node("Relu", ["x"], ["y"]))
    for error in (RecursionError("deep"), MemoryError(), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no")):
        monkeypatch.setattr("ca_deploy.graphs.onnx.read", lambda _, error=error: (_ for _ in ()).throw(error))
        with pytest.raises(ArtifactError, match=r"is a damaged \.onnx model \(it ") as refused:
            read(path)
        assert not re.search("Error|codec|deep$", str(refused.value))
    assert str(path) in str(damaged(path, MemoryError()))


def test_signatures_of_tensors_and_subgraphs_that_do_not_exist(tmp_path: Path) -> None:
    model = Model("float32")
    model.add("RELU", [model.input((1, 4))], (1, 4))
    content = subgraphs(model, model, keys=("one", "two"))
    path = tmp_path / "model.tflite"
    content.signatureDefs[1].outputs[0].tensorIndex = 99
    path.write_bytes(flatbuffer.write(content))
    for verb in (["check", "--target", "xnnpack"], ["parity", "--against", "FILE"]):
        done = run(verb, path)
        assert done.exit_code == 2 and "is a damaged TFLite model" in done.stderr, done.output
    content.signatureDefs[1].outputs[0].tensorIndex, content.signatureDefs[1].subgraphIndex = 0, 7
    path.write_bytes(flatbuffer.write(content))
    with pytest.raises(ArtifactError, match="is a damaged TFLite model"):
        read(path)


@pytest.mark.parametrize(("offset", "size"), [(2**20, 64), (1024, 2**64 - 1024)])
def test_weights_behind_the_end_of_the_file(offset: int, size: int, tmp_path: Path) -> None:
    """In the second case, their offset plus their size is 0 in 64 bits."""
    model = Model("float32")
    model.conv(model.input((1, 2, 2, 4)), (1, 2, 2, 4), 4)
    content = model.model()
    buffer = content.subgraphs[0].tensors[content.subgraphs[0].operators[0].inputs[1]].buffer
    content.buffers[buffer] = schema.BufferT(offset=offset, size=size)
    path = tmp_path / "model.tflite"
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(content))
    with pytest.raises(ArtifactError, match="behind its end"):
        read(path)


def test_a_missing_tensor_whose_name_is_not_utf_8(tmp_path: Path) -> None:
    path = onnx_model(tmp_path / "model.onnx", helper.make_node("Add", ["x", "nowhere"], ["y"]))
    path.write_bytes(path.read_bytes().replace(b"nowhere", b"n\xffwhere"))
    for verb in VERBS:
        done = run(verb, path)
        assert done.exit_code == 2 and isinstance(done.exception, SystemExit), done.output


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    model = Model("float32")
    model.add("RELU", [model.input((1, 4))], (1, 4), name="kept")
    path = tmp_path / "bytes.tflite"
    path.write_bytes(model.content().replace(b"kept;0", b"\xff\xfe\x1b[1m"))
    assert CliRunner().invoke(app, ["check", str(path), "--target", "xnnpack"]).exit_code == 0
    flags = ["--mean", "0", "0", "0", "--std", "1", "1", "1"]
    done = CliRunner().invoke(app, ["parity", str(path), "--against", str(path), *flags])
    assert done.exit_code in (0, 2) and "\x1b" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)


@pytest.mark.parametrize("place", ["/etc/hostname", "../../../outside", "../../link"])
def test_a_package_reads_nothing_outside_itself(tmp_path: Path, place: str) -> None:
    package = write_package(tmp_path / "model.mlpackage")
    (tmp_path / "outside").write_bytes((package / "Data/com.apple.CoreML/model.mlmodel").read_bytes())
    (package / "link").symlink_to(tmp_path / "outside")
    manifest = json.loads((package / "Manifest.json").read_text())
    manifest["itemInfoEntries"]["A"]["path"] = place if place.startswith("/") else f"com.apple.CoreML/{place}"
    (package / "Manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=r"outside itself|is missing"):
        read(package)


def test_a_package_whose_weights_are_a_link_outside(tmp_path: Path) -> None:
    package = write_package(tmp_path / "model.mlpackage")
    weights = package / "Data/com.apple.CoreML/weights/weight.bin"
    (tmp_path / "elsewhere.bin").write_bytes(weights.read_bytes())
    weights.unlink()
    weights.symlink_to(tmp_path / "elsewhere.bin")
    with pytest.raises(ArtifactError, match="outside itself"):
        read(package)
    moved = tmp_path / "linked.mlpackage"  # the package itself may be a link
    moved.symlink_to(write_package(tmp_path / "whole.mlpackage"))
    assert [node.operator for node in read(moved).nodes] == ["add"]


def test_a_package_without_a_constant_that_it_reads(tmp_path: Path) -> None:
    package = write_package(tmp_path / "model.mlpackage")
    file = package / "Data/com.apple.CoreML/model.mlmodel"
    file.write_bytes(file.read_bytes().replace(b"stored", b"stoned", 1))
    for verb in (["check", str(package)], ["parity", str(package), "--against", str(package)]):
        done = CliRunner().invoke(app, verb)
        assert done.exit_code == 2 and "stored" in done.stderr, done.output


def test_a_constant_larger_than_its_bytes(tmp_path: Path) -> None:
    from ca_deploy.mil.package import read_package
    from ca_deploy.mil.program import read_program

    package = read_package(write_package(tmp_path / "model.mlpackage"))
    kind = package.model.mlProgram.functions[0].value.blocks[0].value.operations[0].attributes[0].value.type.tensorType
    kind.dataType = 25  # int4
    for dimension in kind.dimensions:
        dimension.constant.size = 2**40
    with pytest.raises(ArtifactError, match="a constant of shape"):
        read_program(package)
