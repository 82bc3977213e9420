"""A Python script that runs an exported file, generated from its manifest."""

from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._input import input_text
from ca_deploy.records.manifest import Manifest
from ca_deploy.tasks import task_of

_SCRIPT = Template('''"""Classify a photo with $file (written by ca-deploy; needs numpy, pillow and $package).

    python $script photo.jpg
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
$imports

MODEL = Path(__file__).with_name($model)
LABELS = $labels
RESIZE, CROP = $resize, $crop
MEAN = np.array($mean, np.float32)
STD = np.array($std, np.float32)


def preprocess(photo: str) -> np.ndarray:
    """Shorter side to RESIZE pixels, central CROP x CROP square: $input_text."""
    image = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
    image = image.resize([side * RESIZE // min(image.size) for side in image.size], Image.Resampling.BILINEAR)
    left, top = round((image.width - CROP) / 2), round((image.height - CROP) / 2)
    pixels = np.asarray(image.crop((left, top, left + CROP, top + CROP)))
    $convert
    return pixels[None]


def run(tensor: np.ndarray) -> np.ndarray:
    """Logits, one per class."""
    $invoke
    return $dequantise


if __name__ == "__main__":
    $main
''')


def python(manifest: Manifest, package: str, imports: str, invoke: str) -> str:
    """The script, which only needs numpy, Pillow and ``package``.

    ``invoke`` are lines that compute ``logits``, the output for one image in the file's own type, from ``tensor``.

    Raises:
        ArtifactError: mean, std or a scale is not finite.
    """
    spec, output = manifest.inputs[0], manifest.outputs[0]
    steps = []
    if spec.normalised:
        steps.append("pixels = (pixels.astype(np.float32) / 255 - MEAN) / STD")
    if spec.normalised and spec.scale is not None:
        steps.append(f"pixels = np.clip(np.rint(pixels / {quoting.number(spec.scale)}) + {spec.zero_point}, -128, 127)")
    if spec.layout == "NCHW":
        steps.append("pixels = np.moveaxis(pixels, -1, 0)")
    steps.append(f"pixels = np.ascontiguousarray(pixels, np.{spec.dtype})")
    return _SCRIPT.substitute(
        file=quoting.python_docstring(manifest.file),
        script=quoting.python_docstring(quoting.shell(manifest.file.rpartition(".")[0] + ".py")),
        model=quoting.python(manifest.file),
        package=package,
        imports=imports,
        labels=f"[{', '.join(map(quoting.python, manifest.labels))}]" if manifest.labels else None,
        resize=manifest.preprocessing.resize,
        crop=manifest.preprocessing.crop,
        mean=f"[{', '.join(map(quoting.number, manifest.preprocessing.mean))}]",
        std=f"[{', '.join(map(quoting.number, manifest.preprocessing.std))}]",
        input_text=input_text(spec),
        convert="\n    ".join(steps),
        invoke=invoke,
        dequantise="logits.astype(np.float32)"
        if output.scale is None
        else f"(logits.astype(np.float32) - {output.zero_point}) * {quoting.number(output.scale)}",
        main="\n    ".join(task_of(manifest.task, output.shape[1:]).python),
    )
