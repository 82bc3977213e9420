"""Compiled Kotlin feeds several inputs what ca-deploy's own comparison feeds, and returns several outputs."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ca_deploy.formats import find_format
from ca_deploy.records.manifest import Manifest
from tests import kotlin
from tests.formats.several import KOTLIN, batch_of, fed, several, state, tokens
from tests.hostile import CANARY, LONG, TEXTS, payloads, snippet
from tests.syntax_trees import take_apart

KEYWORDS = ("class", "outputs", "Bitmap", "buffer", "fun", "val")
COLLIDING = ("x", "X", "x_2", "get", "Class", "class")
HOSTILE = (*payloads(f'java.io.File("{CANARY}").createNewFile()')[:5], LONG)
UNREADABLE = ("", "___", "雏菊", "9lives", "\u202ea b\n*/", "a-b")
NAMES = {"keywords": KEYWORDS, "colliding": COLLIDING, "hostile": HOSTILE, "unreadable": UNREADABLE}
MANIFESTS = {
    **{case: several(kind) for case, kind in KOTLIN.items()},
    **{f"{case}_{named}": several(KOTLIN[case], NAMES[named]) for case in ("onnx", "tflite_int8") for named in NAMES},
}


def photo(width: int, height: int) -> Image.Image:
    """That of ``report.photo``."""
    y, x = np.indices((height, width))
    return Image.fromarray(np.stack([2 * x, 2 * y, 255 - x - y], -1).astype(np.uint8))


def call(case: str, given: Manifest, properties: list[str]) -> str:
    """Lines of Kotlin that run a case, and report what was fed and what came back."""

    def photos(width: int, height: int) -> str:
        one = f"report.photo({width}, {height}, false)"
        return f"List({batch_of(given)}) {{ {one} }}" if batch_of(given) > 1 else one

    kinds = {"float32": "FLOAT"}
    outputs = (
        f'report.Given("{kinds.get(spec.dtype, spec.dtype.upper())}", {", ".join(map(str, spec.shape))})'
        for spec in given.outputs
    )
    numbers, integer = ", ".join(f"{value}f" for value in state(given).ravel()), given.inputs[3].dtype == "int64"
    whole = ", ".join(map(str, tokens(given).ravel()))
    arguments = (
        photos(8, 6),
        f"floatArrayOf({numbers})",
        photos(4, 5),
        f"{'longArrayOf' if integer else 'intArrayOf'}({whole})",
    )
    came = ", ".join(f'given.{name}.joinToString(",")' for name in properties)
    return (
        f"report.Seen.given = listOf({', '.join(outputs)})\n"
        f"run {{\nval given = {case}.Network(report.app()).run({', '.join(arguments)})\n"
        f'report.reportAll("{case}", listOf({came}))\n}}\n'
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kotlin")


@pytest.fixture(scope="module")
def seen(folder: Path) -> dict[str, list[list[str]]]:
    """Case -> lines: "fed", the input, ONNX's type and shape, bytes; "gave", values."""
    sources, calls = {}, []
    for case, given in MANIFESTS.items():
        code = snippet(given, ".kt")
        sources[f"{case}.kt"] = f"package {case}\n{code}"
        calls.append(call(case, given, re.findall(r"^    val (\w+): \w+Array,", code, re.M)))
    sources["main.kt"] = "fun main() {\n" + "".join(calls) + "}\n"
    found: dict[str, list[list[str]]] = {case: [] for case in MANIFESTS}
    for line in kotlin.compile_and_run(sources, folder):
        case, *rest = line.split(" ")
        found[case].append(rest)
    return found


@pytest.mark.parametrize("case", MANIFESTS)
def test_every_input_gets_the_same_bytes(seen: dict[str, list[list[str]]], case: str) -> None:
    given = MANIFESTS[case]
    lines = [line[1:] for line in seen[case] if line[0] == "fed"]
    assert len(lines) == len(given.inputs)
    for place, ((name, *shape, content), (wanted_name, array)) in enumerate(
        zip(lines, fed(given, photo).items(), strict=True)
    ):
        assert bytes.fromhex(content) == array.tobytes()
        if given.format == "onnx":
            assert bytes.fromhex(name).decode("utf-16-be", "surrogatepass") == wanted_name
            kind = {"float32": "FLOAT"}.get(array.dtype.name, array.dtype.name.upper())
            assert shape == [kind, "x".join(map(str, array.shape))]
        else:
            assert bytes.fromhex(name).decode("utf-16-be") == str(place)


@pytest.mark.parametrize("case", MANIFESTS)
def test_every_output_comes_back(seen: dict[str, list[list[str]]], case: str) -> None:
    given = MANIFESTS[case]
    real, integers = (line[1].split(",") for line in seen[case] if line[0] == "gave")
    scale, zero_point = given.outputs[0].scale or 1, given.outputs[0].zero_point or 0
    assert [float(one) for one in real] == pytest.approx([(i - zero_point) * scale for i in range(5 * batch_of(given))])
    assert integers == [str(i) for i in range(6 * batch_of(given))]


@pytest.mark.usefixtures("seen")
def test_no_name_was_run(folder: Path) -> None:
    assert not (folder / CANARY).exists()


def test_what_is_written_is_readable() -> None:
    source = snippet(MANIFESTS["onnx_batch"], ".kt")
    for line in (
        '        image: List<Bitmap>, // "image": 3 photos',
        '        state: FloatArray, // "state": (3, 5)',
        '        tokens: LongArray, // "tokens": (3, 2, 3)',
        '    val logits: FloatArray, // "logits": (3, 5), probabilities that sum to 1',
        '    val classes: LongArray, // "classes": (3, 2, 3)',
        "private object ImageInput {",
        "private object MaskInput {",
    ):
        assert f"\n{line}\n" in source


@pytest.mark.parametrize("name", TEXTS, ids=range(len(TEXTS)))
def test_names_of_any_text_are_strings(name: str) -> None:
    given = several(KOTLIN["onnx"], [f"{name}{place}" for place in range(6)])
    strings, _ = take_apart("kotlin", snippet(given, ".kt"))
    assert strings[-5:] == [given.file, *(spec.name for spec in given.inputs)]


def test_a_type_that_kotlin_has_not_leaves_python_only() -> None:
    given = MANIFESTS["onnx"]
    odd = replace(given, inputs=(*given.inputs[:3], replace(given.inputs[3], dtype="uint64")))
    assert find_format("onnx").code_for(odd).keys() == {".py"}
