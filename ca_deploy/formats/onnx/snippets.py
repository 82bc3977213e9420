"""Code that runs an ONNX file: Python, and Kotlin for Android."""

from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._kotlin import Body, kotlin
from ca_deploy.formats._output import returned
from ca_deploy.formats._python import python
from ca_deploy.records.manifest import Manifest
from ca_deploy.tasks import task_of

_KOTLIN = Template("""class $class_name(context: Context) {
    private val environment = OrtEnvironment.getEnvironment()
    private val session = environment.createSession(context.assets.open($file).readBytes())

    /** $returned */
    fun run(bitmap: Bitmap): FloatArray {
        val shape = longArrayOf($shape)
        val input = $tensor
        input.use {
            session.run(mapOf($input_name to input)).use { result ->
                val values = (result[0] as OnnxTensor).$buffer
                return FloatArray(values.remaining()) { $read }
            }
        }
    }
}""")


def snippets(manifest: Manifest) -> dict[str, str]:
    """The code by suffix; see :meth:`ca_deploy.formats.Format.code_for`."""
    typed = [] if manifest.inputs[0].dtype == "float32" else ["OnnxJavaType"]
    names = (*typed, "OnnxTensor", "OrtEnvironment")
    body = Body(
        "com.microsoft.onnxruntime:onnxruntime-android:1.22.0",
        tuple(f"ai.onnxruntime.{name}" for name in names),
        _kotlin_body(manifest),
    )
    script = python(manifest, "onnxruntime", "import onnxruntime", _python_body(manifest))
    return {".py": script, ".kt": kotlin(manifest, body)}


def _python_body(manifest: Manifest) -> str:
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
        "output = session.run(None, {session.get_inputs()[0].name: tensor})[0][0]",
    )
    return "\n    ".join(lines)


def _kotlin_body(manifest: Manifest) -> str:
    spec, output = manifest.inputs[0], manifest.outputs[0]
    buffer, read = "floatBuffer", "values.get()"
    if output.scale is not None:
        buffer, read = "byteBuffer", f"(values.get() - {output.zero_point}) * {quoting.number(output.scale)}f"
    tensor = f"OnnxTensor.createTensor(environment, preprocess(bitmap), shape, OnnxJavaType.{spec.dtype.upper()})"
    if spec.dtype == "float32":
        tensor = "OnnxTensor.createTensor(environment, preprocess(bitmap).asFloatBuffer(), shape)"
    return _KOTLIN.substitute(
        class_name=task_of(manifest.task, output.shape[1:]).class_name,
        returned=returned(manifest),
        file=quoting.kotlin(manifest.file),
        shape=", ".join(f"{max(1, side)}" for side in spec.shape),
        tensor=tensor,
        input_name=quoting.kotlin(spec.name),
        buffer=buffer,
        read=read,
    )
