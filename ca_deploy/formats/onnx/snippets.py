"""Code that runs an ONNX file: Python, and Kotlin for Android."""

from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._interface import takes_one_photo
from ca_deploy.formats._kotlin import Body, kotlin
from ca_deploy.formats._kotlin_general import NUMBERS, Runtime, kotlin_general
from ca_deploy.formats._output import returned, task_of
from ca_deploy.formats._python import python
from ca_deploy.formats._python_general import python_general
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.tensors import TensorSpec

_GRADLE = "com.microsoft.onnxruntime:onnxruntime-android:1.22.0"
_PROPERTIES = Template("""private val environment = OrtEnvironment.getEnvironment()
    private val session = environment.createSession(context.assets.open($file).readBytes())""")

_KOTLIN = Template("""class $class_name(context: Context) {
    $properties

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

_INVOKE = Template("""val tensors = mapOf(
            $tensors
        )
        try {
            session.run(tensors).use { result -> return List($count) { (result[it] as OnnxTensor).byteBuffer } }
        } finally {
            tensors.values.forEach { it.close() }
        }""")
_BYTES = ("int8", "uint8", "bool")


def snippets(manifest: Manifest) -> dict[str, str]:
    """The code by suffix; see :meth:`ca_deploy.formats.Format.code_for`."""
    package, imports = "onnxruntime", "import onnxruntime"
    session = _python_session(manifest)
    if takes_one_photo(manifest):
        invoke = f"{session}\n    output = session.run(None, {{session.get_inputs()[0].name: tensor}})[0][0]"
        body = Body(_GRADLE, _imports(manifest), _kotlin_body(manifest))
        return {".py": python(manifest, package, imports, invoke), ".kt": kotlin(manifest, body)}
    names = ", ".join(quoting.python(spec.name) for spec in manifest.inputs)
    invoke = f"{session}\n    return session.run(None, dict(zip([{names}], tensors)))"
    code = {".py": python_general(manifest, package, imports, invoke)}
    if all(spec.dtype in NUMBERS for spec in (*manifest.inputs, *manifest.outputs)):
        code[".kt"] = kotlin_general(manifest, _kotlin_runtime(manifest))
    return code


def _imports(manifest: Manifest) -> tuple[str, ...]:
    typed = ["OnnxJavaType"] if any(spec.dtype in _BYTES for spec in manifest.inputs) else []
    return tuple(f"ai.onnxruntime.{name}" for name in (*typed, "OnnxTensor", "OrtEnvironment"))


def _python_session(manifest: Manifest) -> str:
    settings = [
        f"options.add_session_config_entry({quoting.python(name)}, {quoting.python(value)})"
        for name, value in manifest.session_settings.items()
    ]
    if settings:
        settings[0] += "  # exact INT8 sums on every processor"
        settings.insert(0, "options = onnxruntime.SessionOptions()")
    session = f"session = onnxruntime.InferenceSession(MODEL{', options' if settings else ''})"
    return "\n    ".join((*settings, session))


def _kotlin_body(manifest: Manifest) -> str:
    spec, output = manifest.inputs[0], manifest.outputs[0]
    buffer, read = "floatBuffer", "values.get()"
    if output.scale is not None:
        buffer, read = "byteBuffer", f"(values.get() - {output.zero_point}) * {quoting.number(output.scale)}f"
    tensor = f"OnnxTensor.createTensor(environment, preprocess(bitmap), shape, OnnxJavaType.{spec.dtype.upper()})"
    if spec.dtype == "float32":
        tensor = "OnnxTensor.createTensor(environment, preprocess(bitmap).asFloatBuffer(), shape)"
    return _KOTLIN.substitute(
        class_name=task_of(manifest).class_name,
        returned=returned(manifest),
        properties=_PROPERTIES.substitute(file=quoting.kotlin(manifest.file)),
        shape=_shape(spec),
        tensor=tensor,
        input_name=quoting.kotlin(spec.name),
        buffer=buffer,
        read=read,
    )


def _kotlin_runtime(manifest: Manifest) -> Runtime:
    tensors = (
        f"{quoting.kotlin(spec.name)} to {_kotlin_tensor(spec, f'inputs[{place}]')},"
        for place, spec in enumerate(manifest.inputs)
    )
    return Runtime(
        _GRADLE,
        _imports(manifest),
        _PROPERTIES.substitute(file=quoting.kotlin(manifest.file)),
        _INVOKE.substitute(tensors="\n            ".join(tensors), count=len(manifest.outputs)),
    )


def _kotlin_tensor(spec: TensorSpec, buffer: str) -> str:
    shape = f"longArrayOf({_shape(spec)})"
    if spec.dtype in _BYTES:
        return f"OnnxTensor.createTensor(environment, {buffer}, {shape}, OnnxJavaType.{spec.dtype.upper()})"
    return f"OnnxTensor.createTensor(environment, {buffer}.as{NUMBERS[spec.dtype].name}Buffer(), {shape})"


def _shape(spec: TensorSpec) -> str:
    return ", ".join(str(max(1, side)) for side in spec.shape)
