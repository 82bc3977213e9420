"""ONNX Runtime on the CPU, optimised as on ARM (``ort_cpu:arm``, the default) or x86 (``ort_cpu:x86``)."""

from ca_deploy.targets import Target

TARGET = Target(
    name="ort_cpu",
    suffixes=(".onnx",),
    description="ONNX Runtime on the CPU: what it fuses, what stays float; ort_cpu:arm (default) or ort_cpu:x86",
    checker="ca_deploy.targets._ort_cpu:check",
    packages=("onnxruntime",),
    level="settings",
    levels=("arm", "x86"),
    default_level="arm",
    brief="ca_deploy.targets._ort_cpu:brief",
    place=0,
)
