"""Names that would be code if nobody quoted them, and manifests and files that bear them."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ca_deploy.formats import find_format
from ca_deploy.recipes import load_recipe
from ca_deploy.records.lowering import Lowering
from ca_deploy.records.manifest import SCHEMA_VERSION, Manifest, ModelRecord
from ca_deploy.records.model import ModelSource
from ca_deploy.records.parity import ParityReport, Status
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.signature import NetworkOutput
from ca_deploy.records.tensors import DType, Layout, TensorSpec
from tests.samples import signature_of

CANARY = "canary"  # the file that code in a name would create in the working folder

READABLE = ("Gänseblümchen", "雏菊", "Ромашка 🌼", "it is 5 o'clock (100 %)")
TEXTS = (
    *READABLE,
    "",
    " ",
    "two\nlines\r\nand\ta\x0btab",
    "*/ /* // #",
    '"',
    "\"\"\" '''",
    "\\",
    '\\"',
    "$name ${name} $$ %s {name}",
    "\\(name) \\u{41} \\u0041 \\x41 \\N{BULLET} \\",
    "".join(map(chr, range(32))) + "\x7f\x80\x85\x9f\xa0\xad",
    "\u2028\u2029",
    "\u202eright to left\u2066\u2069\u200b\u200f\ufeff",
    "\ud800",
    "\udfff\ud800x",
    "👩‍🚀\U000e0041\U0010ffff\ufffe",
)
LONG = "a long one " * 7000
MARKUP = "[red]a[/red] [/] \\[b] :warning: \x1b[31m\x07\r<b>"  # what a renderer must not obey


def payloads(code: str) -> list[str]:
    """``code`` after whatever would end the text that contains a name."""
    return [
        f'x"); {code}; ("',
        f"x'); {code}; ('",
        f'x"""\n{code}\n"""',
        f"x\n{code}\n",
        f"x*/ {code} /*",
        f"x${{{code}}}",
        f"x\\({code})",
        f'x\\"); {code}; //',
    ]


def manifest(recipe_name: str, name: str, labels: Sequence[str] | None) -> Manifest:
    """That of a file made by the recipe, as far as snippets read it; the names of file and tensors contain ``name``."""
    recipe = load_recipe(recipe_name)
    layout: Layout = "NHWC" if recipe.format == "tflite" or recipe.io == "uint8rgb" else "NCHW"
    shape = (1, 32, 32, 3) if layout == "NHWC" else (1, 3, 32, 32)
    camera = recipe.io == "uint8rgb"
    real: DType = "int8" if recipe.io == "int8" else "float32"
    scale, zero_point = (0.02, -3) if recipe.io == "int8" else (None, None)
    return Manifest(
        schema_version=SCHEMA_VERSION,
        ca_deploy_version="0.1.0",
        file=f"{name}.{'mlpackage' if recipe.format == 'coreml' else recipe.format}",
        sha256="",
        size_bytes=0,
        float32_size_bytes=0,
        format=recipe.format,
        model=ModelRecord("net", ModelSource(), None, None, True, 0),
        recipe=recipe,
        calibration=None,
        inputs=(TensorSpec(f"{name} in", shape, "uint8" if camera else real, layout, scale, zero_point, not camera),),
        outputs=(TensorSpec(f"{name} out", (1, 5), real, "NC", scale, zero_point),),
        signature=signature_of(Preprocessing(36, 32, (-0.25, 0, 1e-05), (0.2, 1e16, 0.3))),
        labels=None if labels is None else tuple(labels),
        operators={},
        float_operators=(),
        lowering=Lowering(),
        parity=ParityReport(Status.PASS, "", "net", "PyTorch net", "", recipe.tolerances),
        speed=None,
        tools={},
        warnings=(),
    )


def giving_map(given: Manifest) -> Manifest:
    """The same for a network of another kind, whose output is a map of the shape ``(1, 2, 4, 6)``."""
    output = replace(given.outputs[0], name="map", shape=(1, 2, 4, 6), layout="NCHW")
    signature = replace(given.signature, outputs=(NetworkOutput(output.name, output.shape),))
    return replace(given, outputs=(output,), signature=signature)


def snippet(given: Manifest, suffix: str) -> str:
    """The snippet in the language of that suffix."""
    return find_format(given.format).code_for(given)[suffix]


def classify(model: Path, given: Manifest, name: str, folder: Path) -> str:
    """Rename a file of a real export to ``name``, and run its script on ``folder/photo.jpg`` as its docstring says.

    Returns what the script printed.
    """
    place = folder / f"{name}{model.suffix}"
    (shutil.copytree if model.is_dir() else shutil.copy)(model, place)
    source = snippet(replace(given, file=place.name), ".py")
    place.with_name(f"{name}.py").write_text(source, encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(source), clean=False)
    assert docstring is not None
    assert docstring.startswith(f"Classify a photo with {place.name} (written by ")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONIOENCODING": "utf-8:surrogatepass",
    }

    def run(command: str) -> bytes:
        return subprocess.run(
            ["sh", "-c", command], cwd=folder, env=environment, check=True, capture_output=True
        ).stdout

    written = next(line for line in source.splitlines() if line.endswith(" photo.jpg"))
    run(f"python() {{ :; }}\n{written}")  # copied from the source, it does not run anything else either
    return run(docstring.partition("\n\n    ")[2]).decode("utf-8", "surrogatepass")
