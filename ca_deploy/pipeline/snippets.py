"""Runnable code that feeds an exported file, written from its manifest: Python, and Kotlin for Android."""

import sys
from collections.abc import Sequence
from string import Template

from ca_deploy.pipeline import quoting
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.tensors import TensorSpec

_PYTHON = Template('''"""Classify a photo with $file (written by ca-deploy; needs numpy, pillow and $package).

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
    """Logits, one a class."""
    $invoke
    return $dequantise


if __name__ == "__main__":
    logits = run(preprocess(sys.argv[1]))
    shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    for number in np.argsort(-logits)[:5]:
        print(f"{shares[number]:6.1%}  {LABELS[number] if LABELS else number}")
''')

_INVOKE_TFLITE = """interpreter = Interpreter(str(MODEL))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], tensor)
    interpreter.invoke()
    logits = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]"""

_INVOKE_COREML = Template("""if sys.platform == "darwin":
        import coremltools

        given = Image.fromarray(tensor[0]) if tensor.dtype == np.uint8 else tensor
        return coremltools.models.MLModel(str(MODEL)).predict({$name: given})[$output][0]
    from ca_deploy.mil.executor import Executor  # Core ML needs a Mac; this computes the same

    logits = Executor(MODEL).run({$name: tensor})[$output][0]""")

_KOTLIN = Template("""// Classify a Bitmap with $file (written by ca-deploy).
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

_KOTLIN_TFLITE = Template("""class Classifier(context: Context) {
    private val model = context.assets.open($file).readBytes().let { bytes ->
        ByteBuffer.allocateDirect(bytes.size).order(ByteOrder.nativeOrder()).put(bytes).apply { rewind() }
    }
    private val interpreter = Interpreter(model, Interpreter.Options().setNumThreads(4))

    /** Logits, one a class. */
    fun run(bitmap: Bitmap): FloatArray {
        val output = ByteBuffer.allocateDirect($classes * $out_bytes).order(ByteOrder.nativeOrder())
        interpreter.run(preprocess(bitmap), output)
        output.rewind()
        return FloatArray($classes) { $read }
    }
}""")

_KOTLIN_ONNX = Template("""class Classifier(context: Context) {
    private val environment = OrtEnvironment.getEnvironment()
    private val session = environment.createSession(context.assets.open($file).readBytes())

    /** Logits, one a class. */
    fun run(bitmap: Bitmap): FloatArray {
        val shape = longArrayOf($shape)
        val input = $tensor
        input.use {
            session.run(mapOf($input_name to input)).use { result ->
                $read_all
            }
        }
    }
}""")

_CONSTANT = 10_000  # characters; each has six bytes at most in a class file, and a constant 65,535


def python(manifest: Manifest) -> str:
    """A script that classifies a photo with nothing but numpy, Pillow and the file's own runtime.

    Raises:
        ArtifactError: mean, std or a scale is not finite.
    """
    spec, output = manifest.inputs[0], manifest.outputs[0]
    package, imports, invoke = {
        "tflite": ("ai-edge-litert", "from ai_edge_litert.interpreter import Interpreter", _INVOKE_TFLITE),
        "onnx": ("onnxruntime", "import onnxruntime", _invoke_onnx(manifest)),
        "coreml": (
            "coremltools on a Mac, ca-deploy elsewhere",
            "",
            _INVOKE_COREML.substitute(name=quoting.python(spec.name), output=quoting.python(output.name)),
        ),
    }[manifest.format]
    steps = []
    if spec.normalised:
        steps.append("pixels = (pixels.astype(np.float32) / 255 - MEAN) / STD")
    if spec.normalised and spec.scale is not None:
        steps.append(f"pixels = np.clip(np.rint(pixels / {quoting.number(spec.scale)}) + {spec.zero_point}, -128, 127)")
    if spec.layout == "NCHW":
        steps.append("pixels = np.moveaxis(pixels, -1, 0)")
    steps.append(f"pixels = np.ascontiguousarray(pixels, np.{spec.dtype})")
    return _PYTHON.substitute(
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
        input_text=_input_text(spec),
        convert="\n    ".join(steps),
        invoke=invoke,
        dequantise="logits.astype(np.float32)"
        if output.scale is None
        else f"(logits.astype(np.float32) - {output.zero_point}) * {quoting.number(output.scale)}",
    )


def _invoke_onnx(manifest: Manifest) -> str:
    settings = [
        f"options.add_session_config_entry({quoting.python(name)}, {quoting.python(value)})"
        for name, value in manifest.session_settings.items()
    ]
    if settings:
        settings[0] += "  # exact INT8 sums on every processor"
        settings.insert(0, "options = onnxruntime.SessionOptions()")
    lines = (
        *settings,
        f"session = onnxruntime.InferenceSession(MODEL{', options' if settings else ''})",
        "logits = session.run(None, {session.get_inputs()[0].name: tensor})[0][0]",
    )
    return "\n    ".join(lines)


def kotlin(manifest: Manifest) -> str:
    """The same for an Android app, with LiteRT or ONNX Runtime from Maven; raises the same."""
    spec, output = manifest.inputs[0], manifest.outputs[0]
    tflite = manifest.format == "tflite"
    values = {
        "file": quoting.kotlin(manifest.file),
        "classes": str(output.shape[-1]),
        "input_name": quoting.kotlin(spec.name),
    }
    values["shape"] = ", ".join(f"{max(1, side)}" for side in spec.shape)
    if output.scale is None:
        values["out_bytes"], values["read"] = "4", "output.float"
        values["read_all"] = "return (result[0].value as Array<FloatArray>)[0]"
    else:
        real = f"- {output.zero_point}) * {quoting.number(output.scale)}f"
        values["out_bytes"], values["read"] = "1", f"(output.get() {real}"
        values["read_all"] = f"return (result[0].value as Array<ByteArray>)[0].map {{ (it {real} }}.toFloatArray()"
    values["tensor"] = (
        "OnnxTensor.createTensor(environment, preprocess(bitmap).asFloatBuffer(), shape)"
        if spec.dtype == "float32"
        else f"OnnxTensor.createTensor(environment, preprocess(bitmap), shape, OnnxJavaType.{spec.dtype.upper()})"
    )
    imports = ["android.content.Context", "android.graphics.Bitmap", "java.nio.ByteBuffer", "java.nio.ByteOrder"]
    if tflite:
        imports.append("org.tensorflow.lite.Interpreter")
    else:
        imports += [f"ai.onnxruntime.{name}" for name in ("OnnxJavaType", "OnnxTensor", "OrtEnvironment")]
    return _KOTLIN.substitute(
        values,
        gradle="com.google.ai.edge.litert:litert:1.4.0"
        if tflite
        else "com.microsoft.onnxruntime:onnxruntime-android:1.22.0",
        head="\n".join(f"import {name}" for name in imports),
        crop=manifest.preprocessing.crop,
        resize=manifest.preprocessing.resize,
        mean=", ".join(f"{quoting.number(value)}f" for value in manifest.preprocessing.mean),
        std=", ".join(f"{quoting.number(value)}f" for value in manifest.preprocessing.std),
        labels=_kotlin_labels(manifest.labels) if manifest.labels else "emptyList<String>()",
        input_text=_input_text(spec),
        bytes="4" if spec.dtype == "float32" else "1",
        loop=_kotlin_loop(spec),
        body=(_KOTLIN_TFLITE if tflite else _KOTLIN_ONNX).substitute(values),
    )


def _kotlin_labels(labels: Sequence[str]) -> str:
    """A list; a long one is cut out of one text, for 64 kB of code put no more than some 8,000 elements into a list.

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


def _kotlin_loop(spec: TensorSpec) -> str:
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


def _input_text(spec: TensorSpec) -> str:
    values = "(value / 255 - MEAN) / STD" if spec.normalised else "raw 0..255"
    return f"RGB {spec.layout}, {spec.dtype}, {values}"
