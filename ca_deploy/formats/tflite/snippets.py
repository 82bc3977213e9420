"""Code that runs a TFLite file: Python, and Kotlin for Android."""

import math
from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._interface import takes_one_photo
from ca_deploy.formats._kotlin import Body, kotlin
from ca_deploy.formats._kotlin_general import NUMBERS, Runtime, kotlin_general
from ca_deploy.formats._output import returned, task_of
from ca_deploy.formats._python import python
from ca_deploy.formats._python_general import python_general
from ca_deploy.records.manifest import Manifest

_PACKAGE, _IMPORTS = "ai-edge-litert", "from ai_edge_litert.interpreter import Interpreter"
_PYTHON = """interpreter = Interpreter(str(MODEL))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], tensor)
    interpreter.invoke()
    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]"""
_PYTHON_GENERAL = """interpreter = Interpreter(str(MODEL))
    interpreter.allocate_tensors()
    for detail, tensor in zip(interpreter.get_input_details(), tensors):
        interpreter.set_tensor(detail["index"], tensor)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]"""

_GRADLE, _INTERPRETER = "com.google.ai.edge.litert:litert:1.4.0", ("org.tensorflow.lite.Interpreter",)
_PROPERTIES = Template("""private val model = context.assets.open($file).readBytes().let { bytes ->
        ByteBuffer.allocateDirect(bytes.size).order(ByteOrder.nativeOrder()).put(bytes).apply { rewind() }
    }
    private val interpreter = Interpreter(model, Interpreter.Options().setNumThreads(4))""")

_KOTLIN = Template("""class $class_name(context: Context) {
    $properties

    /** $returned */
    fun run(bitmap: Bitmap): FloatArray {
        val output = ByteBuffer.allocateDirect($count * $out_bytes).order(ByteOrder.nativeOrder())
        interpreter.run(preprocess(bitmap), output)
        output.rewind()
        return FloatArray($count) { $read }
    }
}""")


_INVOKE = Template("""val outputs = listOf($sizes).map { ByteBuffer.allocateDirect(it).order(ByteOrder.nativeOrder()) }
        val places = outputs.indices.associateWith<Int, Any> { outputs[it] }
        interpreter.runForMultipleInputsOutputs(inputs.toTypedArray<Any>(), places)
        outputs.forEach { it.rewind() }
        return outputs""")


def snippets(manifest: Manifest) -> dict[str, str]:
    """The code by suffix; see :meth:`ca_deploy.formats.Format.code_for`."""
    properties = _PROPERTIES.substitute(file=quoting.kotlin(manifest.file))
    if takes_one_photo(manifest):
        body = Body(_GRADLE, _INTERPRETER, _kotlin_body(manifest, properties))
        return {".py": python(manifest, _PACKAGE, _IMPORTS, _PYTHON), ".kt": kotlin(manifest, body)}
    code = {".py": python_general(manifest, _PACKAGE, _IMPORTS, _PYTHON_GENERAL)}
    if all(spec.dtype in NUMBERS and spec.dtype != "float64" for spec in (*manifest.inputs, *manifest.outputs)):
        sizes = (math.prod(spec.shape) * NUMBERS[spec.dtype].size for spec in manifest.outputs)
        invoke = _INVOKE.substitute(sizes=", ".join(map(str, sizes)))
        code[".kt"] = kotlin_general(manifest, Runtime(_GRADLE, _INTERPRETER, properties, invoke))
    return code


def _kotlin_body(manifest: Manifest, properties: str) -> str:
    output = manifest.outputs[0]
    read = "output.float"
    if output.scale is not None:
        read = f"(output.get() - {output.zero_point}) * {quoting.number(output.scale)}f"
    return _KOTLIN.substitute(
        properties=properties,
        class_name=task_of(manifest).class_name,
        returned=returned(manifest),
        count=math.prod(output.shape[1:]),
        out_bytes=4 if output.scale is None else 1,
        read=read,
    )
