"""A Python script that runs an exported file, generated from its manifest."""

from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._python_preprocess import constants, preprocess
from ca_deploy.records.manifest import Manifest
from ca_deploy.tasks import task_of

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


$preprocess

def run(tensor: np.ndarray) -> np.ndarray:
    """$output"""
    $invoke
    return $dequantise


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
    task = task_of(manifest.task, output.shape[1:])
    return _SCRIPT.substitute(
        headline=task.headline,
        output=task.output,
        file=quoting.python_docstring(manifest.file),
        script=quoting.python_docstring(quoting.shell(manifest.file.rpartition(".")[0] + ".py")),
        model=quoting.python(manifest.file),
        package=package,
        imports=imports,
        labels=f"[{', '.join(map(quoting.python, manifest.labels))}]" if manifest.labels else None,
        constants=constants(preprocessing, spec),
        preprocess=preprocess(preprocessing, spec),
        invoke=invoke,
        dequantise="output.astype(np.float32)"
        if output.scale is None
        else f"(output.astype(np.float32) - {output.zero_point}) * {quoting.number(output.scale)}",
        main="\n    ".join(task.python),
    )
