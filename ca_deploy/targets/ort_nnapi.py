"""ONNX Runtime's NNAPI provider (its mobile helpers, and rules in ``ort_nnapi.toml``)."""

from ca_deploy.targets import Target

TARGET = Target(
    name="ort_nnapi",
    suffixes=(".onnx",),
    description="ONNX Runtime's NNAPI provider (its mobile helpers, and rules)",
    checker="ca_deploy.targets._ort_mobile:check",
    packages=("onnxruntime",),
    place=3,
)
