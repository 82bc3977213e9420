"""LiteRT on the CPU with XNNPACK, asked of the delegate itself; ``xnnpack:2.14`` also of an older runtime."""

from ca_deploy.targets import Target

TARGET = Target(
    name="xnnpack",
    suffixes=(".tflite",),
    description="LiteRT on the CPU with XNNPACK, as installed; :VERSION asks for an older runtime too",
    checker="ca_deploy.targets._xnnpack:check",
    packages=("ai_edge_litert",),
    level="oldest TFLite version",
)
