"""A Python script that runs a file on one photo, generated from its manifest."""

from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._output import task_of
from ca_deploy.formats._python_preprocess import OPEN_RGB, constants, dequantised, preprocess
from ca_deploy.records.manifest import Manifest

_SCRIPT = Template('''"""$headline with $file (written by ca-deploy; needs numpy, pillow and $package).

    python $script photo.jpg
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
$imports

MODEL = Path(__file__).with_name($model)
LABELS = $labels
$constants


$open_rgb

$preprocess

def run(tensor: np.ndarray) -> np.ndarray:
    """$output"""
    $invoke
    return $dequantise

$functions
if __name__ == "__main__":
    $main
''')


def python(manifest: Manifest, package: str, imports: str, invoke: str) -> str:
    """The script, which only needs numpy, Pillow and ``package``.

    ``invoke`` are lines that compute ``output``, that for one image in the file's own type, from ``tensor``.

    Raises:
        ArtifactError: mean, std or a scale is not finite.
    """
    spec, output, preprocessing = manifest.inputs[0], manifest.outputs[0], manifest.preprocessing
    task = task_of(manifest)
    return _SCRIPT.substitute(
        headline=task.headline,
        output=task.output(manifest.signature),
        file=quoting.python_docstring(manifest.file),
        script=script_name(manifest),
        model=quoting.python(manifest.file),
        package=package,
        imports=imports,
        labels=labels(manifest),
        constants=constants(preprocessing, spec),
        open_rgb=OPEN_RGB,
        preprocess=preprocess(preprocessing, spec),
        invoke=invoke,
        dequantise=dequantised("output", output),
        functions=functions(manifest),
        main="\n    ".join(task.python(manifest.signature)),
    )


def functions(manifest: Manifest) -> str:
    """Those that the main part of the task calls; with an empty line behind."""
    code = task_of(manifest).python_functions(manifest.signature)
    return f"{code}\n" if code else ""


def script_name(manifest: Manifest) -> str:
    """What the script is called, for the docstring: one word of a shell's command."""
    return quoting.python_docstring(quoting.shell(manifest.file.rpartition(".")[0] + ".py"))


def labels(manifest: Manifest) -> str | None:
    """The list of labels, or None."""
    return f"[{', '.join(map(quoting.python, manifest.labels))}]" if manifest.labels else None
