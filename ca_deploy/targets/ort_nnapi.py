"""ONNX Runtime with its NNAPI provider (onnxruntime's mobile helpers, and rules)."""

from ca_deploy.targets import Target

TARGET = Target(
    name="ort_nnapi",
    suffixes=(".onnx",),
    description="ONNX Runtime with its NNAPI provider (onnxruntime's mobile helpers, and rules)",
    checker="ca_deploy.targets._ort_mobile:check",
    packages=("onnxruntime",),
)
