"""Written Python for several inputs and outputs, whatever these are called: names are data in it, never code."""

import ast
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ca_deploy.records.manifest import Manifest
from ca_deploy.records.signature import NetworkOutput
from tests.formats.several import KOTLIN, PLAIN, SWIFT, batch_of, fed, several, state, tokens
from tests.hostile import CANARY, LONG, TEXTS, manifest, payloads, snippet
from tests.syntax_trees import take_apart

PAYLOADS = payloads(f'open("{CANARY}", "w").close()')
NAMES = [
    ("class", "np", "outputs", "run", "lambda", "None"),
    ("invoke", "sys", "preprocess", "float32", "x", "X"),
    tuple(PAYLOADS[:6]),
    tuple(PAYLOADS[2:]),
    ("", "_", "雏菊", "9lives", "a b", "a-b"),
    (LONG, f"{LONG}.", "\ud800", "\u202ex", "y", "Y"),
    *(tuple(f"{text}{place}" for place in range(6)) for text in TEXTS),
]
KINDS = {**{case: kind for case, kind in KOTLIN.items() if kind.format == "onnx"}, **SWIFT}


def photo(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8))


def called(given: Manifest, folder: Path) -> tuple[list[NDArray[Any]], dict[str, NDArray[Any]]]:
    """The tensors that ``run`` of the script passes on, and what it returns for outputs 0, 1, 2, ..."""
    (folder / "net.py").write_text(snippet(given, ".py"), encoding="utf-8")
    script = runpy.run_path(str(folder / "net.py"))
    seen: list[NDArray[Any]] = []

    def invoke(tensors: list[NDArray[Any]]) -> list[NDArray[Any]]:
        seen.extend(tensors)
        return [np.arange(np.prod(spec.shape)).reshape(spec.shape).astype(spec.dtype) for spec in given.outputs]

    script["run"].__globals__["invoke"] = invoke
    photos: list[NDArray[Any]] = []
    for width, height in ((8, 6), (4, 5)):
        photo(width, height).save(folder / f"{width}.png")
        functions = [function for name, function in script.items() if name.startswith("preprocess_")]
        function = functions[len(photos)]
        photos.append(np.concatenate([function(str(folder / f"{width}.png"))] * batch_of(given)))
    return seen, script["run"](photos[0], state(given), photos[1], tokens(given))


@pytest.mark.parametrize("case", KINDS)
@pytest.mark.parametrize("names", [PLAIN, *NAMES[:6]], ids=range(7))
def test_every_input_and_output_is_converted(
    case: str, names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = several(KINDS[case], names)
    tensors, outputs = called(given, tmp_path)
    wanted = list(fed(given, photo).values())
    assert [(one.dtype, one.shape, one.tobytes()) for one in tensors] == [
        (one.dtype, one.shape, one.tobytes()) for one in wanted
    ]
    assert list(outputs) == list(names[4:])
    real, integers = outputs.values()
    scale, zero_point = given.outputs[0].scale or 1, given.outputs[0].zero_point or 0
    np.testing.assert_allclose(real.ravel(), (np.arange(real.size) - zero_point) * scale, rtol=1e-6)
    assert integers.dtype == given.outputs[1].dtype
    assert not (tmp_path / CANARY).exists()


@pytest.mark.parametrize("kind", [*KOTLIN.values(), *SWIFT.values()], ids=[*KOTLIN, *SWIFT])
@pytest.mark.parametrize("names", NAMES, ids=range(len(NAMES)))
def test_names_are_strings(kind: Any, names: tuple[str, ...]) -> None:
    given = several(kind, names)
    tree = ast.parse(snippet(given, ".py"))
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    files = () if given.format == "tflite" else tuple(spec.name for spec in given.inputs)
    assert {given.file, *names[4:], *files} <= strings
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert len(functions["run"].args.args) == 4


def test_one_photo_and_several_outputs_of_a_picture() -> None:
    given = manifest("coreml_static_wi8_ai8_uint8rgb_io", "net", None)
    second = replace(given.outputs[0], name="second")
    signature = replace(given.signature, outputs=(*given.signature.outputs, NetworkOutput("second", (1, 5))))
    given = replace(given, outputs=(*given.outputs, second), signature=signature)
    source = snippet(given, ".py")
    ast.parse(source)
    assert "        given['net in'] = Image.fromarray(given['net in'][0])\n" in source
    swift = snippet(given, ".swift")
    take_apart("swift", swift)
    assert "import CoreVideo\n" in swift
    assert '"net in": MLFeatureValue(pixelBuffer: picture(image)),\n' in swift


def test_images_that_become_tensors_alike_share_a_function() -> None:
    given = several(KOTLIN["onnx"])
    signature, inputs = given.signature, given.inputs
    image = replace(signature.inputs[0], name="other")
    alike = replace(
        given,
        signature=replace(signature, inputs=(signature.inputs[0], signature.inputs[1], image, signature.inputs[3])),
        inputs=(inputs[0], inputs[1], replace(inputs[0], name="other"), inputs[3]),
    )
    source = snippet(alike, ".py")
    assert source.count("def preprocess(") == 1
    assert "run(preprocess(sys.argv[1]), np.load(sys.argv[2]), preprocess(sys.argv[3]), " in source
    assert "object" not in snippet(alike, ".kt")
