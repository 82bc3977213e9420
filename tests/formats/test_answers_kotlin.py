"""Compiled Kotlin reads from a network's outputs the boxes and classes that ca-deploy's own tasks read."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import kotlin
from tests.formats.answers import DETECTORS, SEGMENTERS, Answered, answered, as_boxes, example
from tests.hostile import CANARY, snippet
from tests.syntax_trees import take_apart

FORMATS = ("onnx", "tflite")
# The code of the documentation, and whose code it uses.
EXAMPLES = {"detection": "trained", "segmentation": "map_logits"}
_BOX = '"${it.left},${it.top},${it.right},${it.bottom},${it.score},${report.hex(it.label)}"'

_EXAMPLE = """import android.content.*
import android.graphics.*
import android.net.Uri
import android.util.Log
import onnx_{case}.*

fun {name}(context: Context, contentResolver: ContentResolver, uri: Uri, photo: Bitmap) {{
{code}}}
"""


def gives(case: Answered) -> str:
    """A line of Kotlin that makes all networks give the case's outputs."""
    files = (
        f'report.Given("{"FLOAT" if one.dtype == "float32" else one.dtype.upper()}", file = "{case.name}.{place}")'
        for place, one in enumerate(case.stored.values())
    )
    return f"report.Seen.given = listOf({', '.join(files)})"


def call(case: Answered, format: str) -> str:
    """A line of Kotlin that prints what the outputs say."""
    app, photo = "report.app()", f"report.photo({case.size[0]}, {case.size[1]}, false)"
    read = f'{format}_{case.name}.Segmenter({app}).segment({photo}).joinToString(",")'
    if case.task == "detection":
        read = f'{format}_{case.name}.Detector({app}).detect({photo}).joinToString(" ") {{ {_BOX} }}'
    return f'println("{format}_{case.name} " + {read})'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kotlin")


@pytest.fixture(scope="module")
def printed(folder: Path) -> dict[str, str]:
    """Format and case -> what the compiled code read."""
    sources, imports = {}, []
    calls: list[str] = []
    for case in answered().values():
        for place, name in enumerate(case.values):
            (folder / f"{case.name}.{place}").write_bytes(case.in_file(name).tobytes())
        for format in FORMATS:
            package = f"{format}_{case.name}"
            sources[f"{package}.kt"] = f"package {package}\n{snippet(case.manifest(format), '.kt')}"
            imports.append(f"import {package}.{'detect' if case.task == 'detection' else 'segment'}")
            calls += gives(case), call(case, format)
    for name, case_name in EXAMPLES.items():
        case = answered()[case_name]
        code = example(f"{name}.md", "kotlin")
        sources[f"{name}.kt"] = _EXAMPLE.format(case=case_name, name=name, code=code)
        grey = np.full(case.size[0] * case.size[1], 0xFF808080)
        (folder / name).write_bytes(np.concatenate([[1, *case.size], grey]).astype(">u4").tobytes())
        photo = f'onnx_{case_name}.openPhoto(report.stream("{name}"))'
        calls += gives(case), f'{name}(report.app(), ContentResolver(), Uri("{name}"), {photo})'
    imports += "import android.content.ContentResolver", "import android.net.Uri"
    sources["main.kt"] = "\n".join((*imports, "fun main() {", *calls, "}\n"))
    lines = kotlin.compile_and_run(sources, folder)
    return dict(line.split(" ", 1) for line in lines)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", DETECTORS)
def test_the_boxes_are_those_of_the_task(printed: dict[str, str], name: str, format: str) -> None:
    numbers, labels = as_boxes(printed[f"{format}_{name}"], "utf-16-be")
    case = answered()[name]
    wanted = case.boxes
    assert labels == [label if case.labels else f"class {label}" for *_, label in wanted]
    assert numbers == pytest.approx(np.array([box for *box, _ in wanted]), abs=1e-3)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", SEGMENTERS)
def test_the_classes_are_those_of_the_task(printed: dict[str, str], name: str, format: str) -> None:
    found = [int(one) for one in printed[f"{format}_{name}"].split(",")]
    assert found == answered()[name].classes.ravel().tolist()


def test_the_example_of_the_documentation_draws_them(printed: dict[str, str]) -> None:
    *sides, score, label = answered()["trained"].boxes[-1]
    assert [float(side) for side in printed["drawn"].split(",")] == pytest.approx(sides, abs=1e-3)
    shown, _, said = printed["seen"].partition(": ")
    assert shown == label
    assert float(said) == pytest.approx(score)


@pytest.mark.usefixtures("printed")
def test_no_name_was_run(folder: Path) -> None:
    assert not (folder / CANARY).exists()


@pytest.mark.parametrize("format", FORMATS)
def test_names_are_strings_in_the_same_code(format: str) -> None:
    given = answered()["offsets"].manifest(format)
    strings, code = take_apart("kotlin", snippet(given, ".kt"))
    assert given.labels is not None
    assert strings[: len(given.labels)] == list(given.labels)
    outputs = tuple(replace(one, name=name) for one, name in zip(given.signature.outputs, "ab", strict=True))
    plain = replace(given, labels=("a", "b", "c", "d"), signature=replace(given.signature, outputs=outputs))
    written = take_apart("kotlin", snippet(plain, ".kt"))[1]
    assert re.sub(r"\w+", "w", code) == re.sub(r"\w+", "w", written)


def test_a_batch_leaves_its_outputs_to_the_app() -> None:
    given = answered()["offsets"].manifest("onnx")
    inputs = (replace(given.inputs[0], shape=(3, *given.inputs[0].shape[1:])),)
    outputs = tuple(replace(one, shape=(3, *one.shape[1:])) for one in given.outputs)
    source = snippet(replace(given, inputs=inputs, outputs=outputs), ".kt")
    assert "detect(" not in source
    assert "no code is written that does. */\nclass Outputs(" in source
