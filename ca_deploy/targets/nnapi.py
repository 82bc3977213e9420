"""Android's Neural Networks API through TFLite's delegate (rules), per API level: see ``nnapi.toml``."""

from ca_deploy.targets import Target

TARGET = Target(
    name="nnapi",
    suffixes=(".tflite",),
    description="Android's Neural Networks API through TFLite's delegate (rules), per API level: nnapi:29",
    checker="ca_deploy.targets._rules:check",
    level="Android API level",
    levels=("27", "28", "29", "30"),
    default_level="30",
    refusal="ca_deploy.targets._whole:refusal",
    place=2,
)
