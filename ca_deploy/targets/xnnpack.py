"""LiteRT on the CPU with XNNPACK, measured with the delegate itself; ``xnnpack:2.14`` also checks an older runtime."""

from ca_deploy.targets import Target

TARGET = Target(
    name="xnnpack",
    suffixes=(".tflite",),
    description="LiteRT on the CPU with XNNPACK, as installed; xnnpack:VERSION also checks an older runtime",
    checker="ca_deploy.targets._xnnpack:check",
    packages=("ai_edge_litert",),
    level="oldest TFLite version",
    brief="ca_deploy.targets._xnnpack:brief",
    place=0,
)
