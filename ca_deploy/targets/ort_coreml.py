"""ONNX Runtime's Core ML provider (its mobile helpers, and rules in ``ort_coreml.toml``)."""

from ca_deploy.targets import Target

TARGET = Target(
    name="ort_coreml",
    suffixes=(".onnx",),
    description="ONNX Runtime's Core ML provider (its mobile helpers, and rules); ort_coreml:neuralnetwork",
    checker="ca_deploy.targets._ort_mobile:check",
    packages=("onnxruntime",),
    level="model format",
    levels=("mlprogram", "neuralnetwork"),
    default_level="mlprogram",
    place=2,
)
