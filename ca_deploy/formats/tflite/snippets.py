"""Code that runs a TFLite file: Python, and Kotlin for Android."""

import math
from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._kotlin import Body, kotlin
from ca_deploy.formats._output import returned
from ca_deploy.formats._python import python
from ca_deploy.records.manifest import Manifest
from ca_deploy.tasks import task_of

_PYTHON = """interpreter = Interpreter(str(MODEL))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], tensor)
    interpreter.invoke()
    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]"""

_KOTLIN = Template("""class $class_name(context: Context) {
    private val model = context.assets.open($file).readBytes().let { bytes ->
        ByteBuffer.allocateDirect(bytes.size).order(ByteOrder.nativeOrder()).put(bytes).apply { rewind() }
    }
    private val interpreter = Interpreter(model, Interpreter.Options().setNumThreads(4))

    /** $returned */
    fun run(bitmap: Bitmap): FloatArray {
        val output = ByteBuffer.allocateDirect($count * $out_bytes).order(ByteOrder.nativeOrder())
        interpreter.run(preprocess(bitmap), output)
        output.rewind()
        return FloatArray($count) { $read }
    }
}""")


def snippets(manifest: Manifest) -> dict[str, str]:
    """The code by suffix; see :meth:`ca_deploy.formats.Format.code_for`."""
    output = manifest.outputs[0]
    read = "output.float"
    if output.scale is not None:
        read = f"(output.get() - {output.zero_point}) * {quoting.number(output.scale)}f"
    code = _KOTLIN.substitute(
        file=quoting.kotlin(manifest.file),
        class_name=task_of(manifest.task, output.shape[1:]).class_name,
        returned=returned(manifest),
        count=math.prod(output.shape[1:]),
        out_bytes=4 if output.scale is None else 1,
        read=read,
    )
    body = Body("com.google.ai.edge.litert:litert:1.4.0", ("org.tensorflow.lite.Interpreter",), code)
    imports = "from ai_edge_litert.interpreter import Interpreter"
    return {".py": python(manifest, "ai-edge-litert", imports, _PYTHON), ".kt": kotlin(manifest, body)}
