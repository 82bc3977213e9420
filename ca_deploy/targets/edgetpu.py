"""Coral Edge TPU (rules): see ``edgetpu.toml``."""

from ca_deploy.targets import Target

TARGET = Target(
    name="edgetpu",
    suffixes=(".tflite",),
    description="Coral Edge TPU (rules)",
    checker="ca_deploy.targets._rules:check",
    place=5,
)
