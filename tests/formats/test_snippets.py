"""Generated Python, whatever files, tensors and labels are called: names are data in it, never code."""

import ast
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ca_deploy
from ca_deploy import ModelSource
from ca_deploy.errors import ArtifactError
from ca_deploy.pipeline.export import Export
from tests.hostile import CANARY, LONG, READABLE, TEXTS, classify, manifest, payloads, snippet
from tests.zoo.tiny import tiny_trained

CODE = f'open("{CANARY}", "w").close()'
PAYLOADS = [*payloads(CODE), f"x';{CODE}#"]
COMMANDS = [
    f"x; touch {CANARY}",
    f"$(touch {CANARY})",
    f"-x'\"$(touch {CANARY})\"'`touch {CANARY}`",
    f"' '\\''\ntouch {CANARY}\n'",
    f'x"" $(touch {CANARY}) """',
]
NAMES = [*PAYLOADS, *COMMANDS, "|".join(TEXTS), LONG]
# What a file system accepts: no slash, no NUL.
FILE_NAMES = [name for name in (*PAYLOADS, *COMMANDS, *READABLE) if "/" not in name]
LABELS = tuple("|".join(TEXTS[start::5]) for start in range(5))


@pytest.fixture(scope="module")
def hostile_export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Of a program and by a recipe whose files have code for names."""
    folder = tmp_path_factory.mktemp("hostile")
    program, recipe, labels = folder / f'x");{CODE}#.pt2', folder / f"my $(touch {CANARY}).toml", folder / "labels.txt"
    torch.export.save(torch.export.export(tiny_trained().eval(), (torch.zeros(1, 3, 32, 32),)), program)
    recipe.write_bytes((Path(__file__).parents[2] / "export_recipes" / "onnx_float32.toml").read_bytes())
    labels.write_text("\n".join(f'{number}"); {CODE}' for number in range(5)))
    (export,) = ca_deploy.export(ModelSource(str(program), labels=labels), recipes=[str(recipe)], output=folder / "out")
    return export


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(tmp_path / "photo.jpg")
    return tmp_path


def code_of(source: str) -> str:
    """The syntax tree of a source, with a question mark for every string."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = "?"
    return ast.dump(tree)


def test_exported_files_have_plain_names(hostile_export: Export) -> None:
    stem = "x___open__canary____w__.close___.my___touch_canary_"
    made = {path.name for path in hostile_export.path.parent.iterdir()}
    assert made == {stem + suffix for suffix in (".onnx", ".json", ".log", ".py", ".kt")}


@pytest.mark.parametrize("name", FILE_NAMES, ids=range(len(FILE_NAMES)))
def test_the_docstrings_command_prints_the_labels_and_runs_no_name(
    hostile_export: Export, folder: Path, name: str
) -> None:
    printed = classify(hostile_export.path, replace(hostile_export.manifest, labels=LABELS), name, folder)
    for label in LABELS:
        assert f"%  {label}\n" in printed
    assert not (folder / CANARY).exists()


@pytest.mark.parametrize("recipe", ["onnx_float32", "tflite_static_wi8_ai8_int8_io", "coreml_float32"])
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_are_strings_in_the_same_code(recipe: str, name: str) -> None:
    given = manifest(recipe, name, [*TEXTS, *PAYLOADS, LONG])
    source = snippet(given, ".py")
    plain = manifest(recipe, "net", ["daisy"] * len(given.labels or ()))
    assert code_of(source) == code_of(snippet(plain, ".py"))
    strings = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    tensors = [given.inputs[0].name, given.outputs[0].name] if given.format == "coreml" else []
    assert {*(given.labels or ()), given.file, *tensors} <= {*strings}


def test_ordinary_names_stay_readable() -> None:
    assert "\n    python net.py photo.jpg\n" in snippet(manifest("onnx_float32", "net", None), ".py")
    source = snippet(manifest("coreml_float32", "Gänseblümchen_netz", READABLE), ".py")
    assert "\n    python 'Gänseblümchen_netz.py' photo.jpg\n" in source
    for text in (*READABLE, "Gänseblümchen_netz.mlpackage", "Gänseblümchen_netz in", "Gänseblümchen_netz out"):
        assert text in source


@pytest.mark.parametrize("value", [math.nan, math.inf, -1e39])
def test_a_scale_that_no_language_can_write_is_refused(value: float) -> None:
    given = manifest("tflite_static_wi8_ai8_int8_io", "net", None)
    given = replace(given, inputs=(replace(given.inputs[0], scale=value),))
    for suffix in (".py", ".kt"):
        with pytest.raises(ArtifactError, match="not a finite float32"):
            snippet(given, suffix)
