"""ONNX files (https://onnx.ai)."""

from ca_deploy.formats import Bits, Format, Option

FORMAT = Format(
    name="onnx",
    suffix=".onnx",
    description="ONNX, for ONNX Runtime on CPU, phones and servers",
    converter="ca_deploy.formats.onnx.export:OnnxConverter",
    snippets="ca_deploy.formats.onnx.snippets:snippets",
    finishes=("detection/nms",),
    unfinished="ca_deploy.formats.onnx.detections:without_detections",
    unrounded="ca_deploy.formats.onnx.unrounded:open_unrounded",
    packages=("onnx", "onnxscript", "onnxruntime"),
    modes={
        "float32": Bits(),
        "float16": Bits(),
        "dynamic": Bits(weights=(8,)),
        "static": Bits(weights=(8,), activations=(8,)),
    },
    dynamic_batch=True,
    dynamic_size=True,
    io=("float32", "int8", "uint8rgb"),
    options={"opset": Option(tuple(range(13, 26)), "an ONNX recipe states its opset")},
    layer_bits={
        "float": "",
        16: "ONNX Runtime's CPU kernels take 8 bits only, and would compute such a layer in float; write 'float'",
    },
)
