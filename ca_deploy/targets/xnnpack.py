"""LiteRT on the CPU with XNNPACK, measured with the delegate itself.

``xnnpack:1.4`` asks the LiteRT that ``profile`` sends to devices; ``xnnpack:2.14`` also checks an older TFLite.
"""

from ca_deploy.targets import Target

TARGET = Target(
    name="xnnpack",
    suffixes=(".tflite",),
    description="LiteRT on the CPU with XNNPACK, as installed; :1.4 as profile sends it, :2.14 also an older TFLite",
    checker="ca_deploy.targets._xnnpack:check",
    packages=("ai_edge_litert",),
    level="version of LiteRT, or oldest TFLite",
    brief="ca_deploy.targets._xnnpack:brief",
    place=0,
)
