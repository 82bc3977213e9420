"""Kotlin code that runs an exported file in an Android app, generated from its manifest."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._input import input_text
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.tensors import TensorSpec

_FILE = Template("""// Classify a Bitmap with $file (written by ca-deploy).
// Put the file into app/src/main/assets, and into build.gradle.kts:
//     implementation("$gradle")
$head

private const val CROP = $crop
private val MEAN = floatArrayOf($mean)
private val STD = floatArrayOf($std)
val LABELS = $labels

/** Takes the central square of the photo (after scaling its shorter side to $resize px). Gives $input_text. */
fun preprocess(bitmap: Bitmap): ByteBuffer {
    val square = Bitmap.createScaledBitmap(bitmap, CROP, CROP, true)
    val pixels = IntArray(CROP * CROP)
    square.getPixels(pixels, 0, CROP, 0, 0, CROP, CROP)
    val buffer = ByteBuffer.allocateDirect(CROP * CROP * 3 * $bytes).order(ByteOrder.nativeOrder())
    $loop
    buffer.rewind()
    return buffer
}

$body
""")

_CONSTANT = 10_000  # characters; a class file takes up to 6 bytes per character, and 65,535 per constant
_IMPORTS = ("android.content.Context", "android.graphics.Bitmap", "java.nio.ByteBuffer", "java.nio.ByteOrder")


@dataclass(frozen=True, slots=True)
class Body:
    """The code for one runtime: its Maven artifact, its imports, and the class ``Classifier``, which calls
    ``preprocess``."""

    gradle: str
    imports: tuple[str, ...]
    code: str


def kotlin(manifest: Manifest, body: Body) -> str:
    """A source file for an Android app.

    Raises:
        ArtifactError: mean, std or a scale is not finite.
    """
    spec = manifest.inputs[0]
    return _FILE.substitute(
        file=quoting.kotlin(manifest.file),
        gradle=body.gradle,
        head="\n".join(f"import {name}" for name in (*_IMPORTS, *body.imports)),
        crop=manifest.preprocessing.crop,
        resize=manifest.preprocessing.resize,
        mean=", ".join(f"{quoting.number(value)}f" for value in manifest.preprocessing.mean),
        std=", ".join(f"{quoting.number(value)}f" for value in manifest.preprocessing.std),
        labels=_labels(manifest.labels) if manifest.labels else "emptyList<String>()",
        input_text=input_text(spec, manifest.preprocessing),
        bytes="4" if spec.dtype == "float32" else "1",
        loop=_loop(spec),
        body=body.code,
    )


def _labels(labels: Sequence[str]) -> str:
    """A list; a long one is split from one string, because a method of 64 kB can only list about 8,000 elements.

    Source of the limits: https://docs.oracle.com/javase/specs/jvms/se17/html/jvms-4.html#jvms-4.11
    """
    if len(labels) <= 1000 and max(map(len, labels)) <= _CONSTANT:
        return f"listOf({', '.join(map(quoting.kotlin, labels))})"
    taken = set().union(*labels)
    separator = next(mark for mark in map(chr, range(ord("\n"), sys.maxunicode)) if mark not in taken)
    text = separator.join(labels)
    constants = [quoting.kotlin(text[start : start + _CONSTANT]) for start in range(0, len(text), _CONSTANT)]
    listed = "".join(f"\n    {constant}," for constant in constants)
    return f'listOf({listed}\n).joinToString("").split({quoting.kotlin(separator)})'


def _loop(spec: TensorSpec) -> str:
    channel = "(pixel shr (16 - 8 * c)) and 0xFF"
    put = f"buffer.put(({channel}).toByte())"
    if spec.normalised:
        real = f"(({channel}) / 255f - MEAN[c]) / STD[c]"
        put = f"buffer.putFloat({real})"
        if spec.scale is not None:
            quantised = f"Math.round({real} / {quoting.number(spec.scale)}f) + {spec.zero_point}"
            put = f"buffer.put(({quantised}).coerceIn(-128, 127).toByte())"
    if spec.layout == "NCHW":
        return f"for (c in 0..2) for (pixel in pixels) {put}"
    return f"for (pixel in pixels) for (c in 0..2) {put}"
