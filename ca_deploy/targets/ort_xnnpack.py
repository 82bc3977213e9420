"""ONNX Runtime's XNNPACK provider (rules): see ``ort_xnnpack.toml``."""

from ca_deploy.targets import Target

TARGET = Target(
    name="ort_xnnpack",
    suffixes=(".onnx",),
    description="ONNX Runtime's XNNPACK provider (rules)",
    checker="ca_deploy.targets._rules:check",
    place=1,
)
