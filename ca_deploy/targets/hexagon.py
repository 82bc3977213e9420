"""TFLite's delegate for Qualcomm's Hexagon DSP (rules): see ``hexagon.toml``."""

from ca_deploy.targets import Target

TARGET = Target(
    name="hexagon",
    suffixes=(".tflite",),
    description="TFLite's delegate for Qualcomm's Hexagon DSP (rules)",
    checker="ca_deploy.targets._rules:check",
    refusal="ca_deploy.targets._whole:refusal",
    place=4,
)
