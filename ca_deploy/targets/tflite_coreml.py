"""TFLite's Core ML delegate on iOS (rules): see ``tflite_coreml.toml``."""

from ca_deploy.targets import Target

TARGET = Target(
    name="tflite_coreml",
    suffixes=(".tflite",),
    description="TFLite's Core ML delegate on iOS (rules)",
    checker="ca_deploy.targets._rules:check",
    refusal="ca_deploy.targets._whole:refusal",
    place=3,
)
