"""ONNX Runtime with its Core ML provider (onnxruntime's mobile helpers, and rules); ort_coreml:neuralnetwork."""

from ca_deploy.targets import Target

TARGET = Target(
    name="ort_coreml",
    suffixes=(".onnx",),
    description="ONNX Runtime with its Core ML provider (onnxruntime's mobile helpers, and rules)",
    checker="ca_deploy.targets._ort_mobile:check",
    packages=("onnxruntime",),
    level="model format",
    levels=("mlprogram", "neuralnetwork"),
    default_level="mlprogram",
)
