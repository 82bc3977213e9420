"""Sizes that a file leaves open: who says them, and who refuses to guess."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from onnx import helper

from ca_deploy.errors import UsageError
from ca_deploy.graphs import flatbuffer
from ca_deploy.graphs.input_shapes import Declared, Place, closed, declared, given_by_place, given_shapes
from tests.onnx_models import onnx_file
from tests.targets.test_whole import signatures
from tests.tflite_models import Model

FILE = Path("net.onnx")
VOICE = (Declared("input", ("batch", "sequence")), Declared("state", (2, "batch", 128)))


def test_an_open_batch_is_one_and_sizes_of_one_name_are_one_size() -> None:
    assert closed(FILE, VOICE, {"input": (1, 512)}) == ((1, 512), (2, 1, 128))
    assert closed(FILE, VOICE, {"input": (3, 512)}) == ((3, 512), (2, 3, 128))
    assert closed(FILE, (Declared("x", ("?", 640)),), {}) == ((1, 640),)
    assert closed(FILE, (Declared("x", ("N", 3, 8, 8)),), {"": (4, 3, 8, 8)}) == ((4, 3, 8, 8),)


@pytest.mark.parametrize(
    ("inputs", "given", "said"),
    [
        (VOICE, {}, r"input \(batch, sequence\), state \(2, batch, 128\).*--input-shape input=1xSIZE"),
        ((Declared("wave", ("?",)),), {}, r"--input-shape wave=SIZE"),
        ((Declared("x", (1, "h", "w", 3)),), {}, r"x=1xSIZExSIZEx3"),
        (VOICE, {"input": (1, 512), "state": (2, 3, 128)}, "does not fit net.onnx"),
        ((Declared("x", ("?", 640)),), {"x": (1, 320)}, r"takes x \(\?, 640\)"),
        (VOICE, {"": (1, 512)}, "--input-shape without a name: net.onnx takes input"),
        (VOICE, {"sound": (1, 512)}, "--input-shape sound: net.onnx takes input"),
    ],
)
def test_what_nobody_says_is_not_guessed(
    inputs: tuple[Declared, ...], given: dict[str, tuple[int, ...]], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        closed(FILE, inputs, given)


@pytest.mark.parametrize("side", [2**17, 2**62])
def test_more_than_any_memory_holds(side: int) -> None:
    with pytest.raises(UsageError, match="elements, more than"):
        closed(FILE, (Declared("x", ("a", "b", "c", "d")),), {"": (side,) * 4})
    with pytest.raises(UsageError, match="elements, more than"):
        closed(FILE, (Declared("x", (1, 3, side, side)),), {})


def test_a_side_of_nothing_is_not_open() -> None:
    with pytest.raises(UsageError, match="shape 0x3 has no elements"):
        closed(FILE, (Declared("x", (0, 3)),), {})


def test_the_option() -> None:
    assert given_shapes(["1x3x8x8"]) == {"": (1, 3, 8, 8)}
    assert given_shapes(["a=1x2", "b:0=7"]) == {"a": (1, 2), "b:0": (7,)}
    for wrong in (["1x0"], ["a="], ["a=1,3"], ["a=1", "a=2"], ["-1x3"]):
        with pytest.raises(UsageError, match="--input-shape"):
            given_shapes(wrong)


def test_two_signatures_with_an_input_of_one_name() -> None:
    inputs: dict[Place, Sequence[Declared]] = {
        (FILE, key): (Declared("x", (1, "?"), key), Declared("y", (1, "?"), key)) for key in ("encode", "decode/2")
    }
    given = given_by_place(inputs, given_shapes(["x=1x4", "decode/2/x=1x8", "encode/y=1x2"]))
    assert given == {(FILE, "encode"): {"x": (1, 4), "y": (1, 2)}, (FILE, "decode/2"): {"x": (1, 8)}}
    with pytest.raises(UsageError, match=r"decode/2/x \(1, \?\), decode/2/y .*--input-shape decode/2/y=1xSIZE"):
        closed(FILE, inputs[FILE, "decode/2"], given[FILE, "decode/2"])
    with pytest.raises(UsageError, match=r"decode/x: net\.onnx takes encode/x .*, decode/2/x .*SIGNATURE/NAME"):
        given_by_place(inputs, {"decode/x": (1, 4)})
    with pytest.raises(UsageError, match="--input-shape encode/x=3x4 does not fit"):
        closed(FILE, inputs[FILE, "encode"], {"x": (3, 4), "y": (1, 2)})


def test_what_files_declare(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "a.onnx", [helper.make_node("Relu", ["x"], ["y"])], ["batch", 3, None, 8])
    assert declared(path) == (Declared("x", ("batch", 3, "?", 8)),)
    model = Model("float32")
    model.add("RELU", [model.input((1, 8, 3))], (1, 8, 3))
    content = model.model()
    content.subgraphs[0].tensors[0].shapeSignature = [-1, 8, 3]
    (tmp_path / "a.tflite").write_bytes(flatbuffer.write(content))
    assert declared(tmp_path / "a.tflite") == (Declared("input0", ("?", 8, 3)),)
    (tmp_path / "b.tflite").write_bytes(flatbuffer.write(signatures()))
    assert declared(tmp_path / "b.tflite", "decode") == (Declared("value0", (1, 4), "decode"),)
    (tmp_path / "c.onnx").write_bytes(b"no model")
    assert declared(tmp_path / "c.onnx") == ()
