"""ONNX files, for ONNX Runtime and everything else that reads ONNX (https://onnx.ai)."""

from ca_deploy.formats import Format

FORMAT = Format(
    name="onnx",
    suffix=".onnx",
    description="ONNX, for ONNX Runtime on CPU, phones and servers",
    exporter="ca_deploy.formats.onnx.export:export",
    packages=("onnx", "onnxscript", "onnxruntime"),
)
