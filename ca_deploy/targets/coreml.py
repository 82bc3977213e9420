"""Core ML per iOS version, with hints about the Neural Engine: see ``coreml.toml``."""

from ca_deploy.targets import Target

TARGET = Target(
    name="coreml",
    suffixes=(".mlpackage",),
    description="Core ML per iOS version, with hints about the Neural Engine: coreml:16",
    checker="ca_deploy.targets._coreml:check",
    level="iOS version",
    levels=("15", "16", "17", "18"),
    place=0,
)
