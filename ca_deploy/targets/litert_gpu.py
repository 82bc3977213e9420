"""LiteRT's GPU delegate: the runtime's analyzer, and rules in ``litert_gpu.toml`` for what it misses."""

from ca_deploy.targets import Target

TARGET = Target(
    name="litert_gpu",
    suffixes=(".tflite",),
    description="LiteRT's GPU delegate (the runtime's analyzer, and rules)",
    checker="ca_deploy.targets._litert_gpu:check",
    packages=("ai_edge_litert",),
    refusal="ca_deploy.targets._whole:refusal",
    place=1,
)
