"""Generated Kotlin compiles and runs whatever files, tensors and labels are called: names are data, never code."""

import re
from pathlib import Path

import pytest

from tests import kotlin
from tests.hostile import CANARY, LONG, READABLE, TEXTS, giving_map, manifest, payloads, snippet
from tests.syntax_trees import take_apart

FLOAT = ["tflite_float32", "onnx_float32"]
INTEGER = [f"{format}_static_wi8_ai8_{io}_io" for format in ("tflite", "onnx") for io in ("int8", "uint8rgb")]
CODE = f'java.io.File("{CANARY}").createNewFile()'
PAYLOADS = [*payloads(CODE), f"x\nval evil = {CODE}"]  # the last one is for places where statements are not allowed
NAMES = [*PAYLOADS, "|".join(TEXTS)]


def imagenet(count: int) -> list[str]:
    """As many names as ImageNet has, and just as long."""
    return [f"Tench number {i}, Tinca tinca, a fish" for i in range(count)]


CASES = {
    **{f"{recipe}_{number}": manifest(recipe, name, TEXTS) for recipe in FLOAT for number, name in enumerate(NAMES)},
    **{recipe: manifest(recipe, NAMES[-1], TEXTS) for recipe in INTEGER},
    "payload_labels": manifest("onnx_float32", "net", PAYLOADS),
    "long_label": manifest("onnx_float32", LONG, [LONG, *TEXTS]),
    "one_thousand": manifest("tflite_float32", "net", imagenet(1000)),
    "with_breaks": manifest("tflite_float32", "net", [*TEXTS, *imagenet(1000)]),
    "all_of_utf16": manifest(
        "tflite_float32", "net", ["".join(map(chr, range(i, i + 256))) for i in range(0, 65536, 256)]
    ),
    "imagenet_21k": manifest("tflite_float32", "net", imagenet(21_841)),
    "no_labels": manifest("tflite_float32", "net", None),
}


MAPS = {f"map_{recipe}": giving_map(manifest(recipe, "net", None)) for recipe in FLOAT + INTEGER}


def utf16(text: str) -> str:
    return text.encode("utf-16-be", "surrogatepass").hex()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kotlin")


@pytest.fixture(scope="module")
def seen(folder: Path) -> dict[str, list[str]]:
    """Case -> the asset opened, the tensor fed, the logits and the labels, of the compiled classes."""
    sources = {f"{case}.kt": f"package {case}\n{snippet(given, '.kt')}" for case, given in (CASES | MAPS).items()}
    calls = "".join(
        f'report.report("{case}", {case}.LABELS) {{ app, photo -> {case}.Classifier(app).run(photo) }}\n'
        for case in CASES
    )
    shape = MAPS["map_onnx_float32"].outputs[0].shape
    calls += f"report.Seen.output = intArrayOf({', '.join(map(str, shape))})\n"
    calls += "".join(
        f'report.report("{case}", {case}.LABELS) {{ app, photo -> {case}.Network(app).run(photo) }}\n' for case in MAPS
    )
    # One name is in the source without quoting, to show that its code would run.
    unquoted = PAYLOADS[0].replace(CANARY, "unquoted")
    sources["main.kt"] = f'fun main() {{\n{calls}listOf("{unquoted}")\n}}\n'
    return {case: rest for case, *rest in (line.split(" ") for line in kotlin.compile_and_run(sources, folder))}


@pytest.mark.parametrize("case", CASES)
def test_names_come_back_from_the_compiled_classes(seen: dict[str, list[str]], case: str) -> None:
    given = CASES[case]
    asset, tensor, logits, labels = seen[case]
    assert asset == utf16(given.file)
    assert tensor == (utf16(given.inputs[0].name) if given.format == "onnx" else "")
    scale, zero_point = given.outputs[0].scale or 1, given.outputs[0].zero_point or 0
    assert [float(logit) for logit in logits.split(",")] == pytest.approx([(i - zero_point) * scale for i in range(5)])
    assert labels.split(",") == [utf16(label) for label in given.labels or [""]]


@pytest.mark.parametrize("case", MAPS)
def test_a_map_comes_back_flat_and_is_not_called_logits(seen: dict[str, list[str]], case: str) -> None:
    output = MAPS[case].outputs[0]
    scale, zero_point = output.scale or 1, output.zero_point or 0
    values = [float(value) for value in seen[case][2].split(",")]
    assert values == pytest.approx([(i - zero_point) * scale for i in range(2 * 4 * 6)])
    for suffix in (".kt", ".py"):
        source = snippet(MAPS[case], suffix)
        assert "Run the network on a photo with " in source
        assert not re.search("logits|classif|per class", source, re.I)
    assert "/** The network's output. Flat: the last axis of (2, 4, 6) changes fastest. */" in snippet(
        MAPS[case], ".kt"
    )


@pytest.mark.usefixtures("seen")
def test_only_the_unquoted_name_was_run(folder: Path) -> None:
    assert (folder / "unquoted").exists()
    assert not (folder / CANARY).exists()


@pytest.mark.parametrize("recipe", FLOAT + INTEGER)
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_the_grammar_finds_names_in_strings_and_the_same_code_around_them(recipe: str, name: str) -> None:
    given = manifest(recipe, name, [*TEXTS, *PAYLOADS])
    strings, code = take_apart("kotlin", snippet(given, ".kt"))
    names = [given.file, given.inputs[0].name] if given.format == "onnx" else [given.file]
    own = "Android cannot read this photo."
    assert [text for text in strings if text != own] == [*(given.labels or ()), *names]
    plain = manifest(recipe, "net", ["daisy"] * len(given.labels or ()))
    assert code == take_apart("kotlin", snippet(plain, ".kt"))[1]


def test_ordinary_names_stay_readable() -> None:
    source = snippet(manifest("onnx_float32", "Gänseblümchen_netz", READABLE), ".kt")
    for text in (*READABLE, "Gänseblümchen_netz.onnx"):
        assert f'"{text}"' in source
