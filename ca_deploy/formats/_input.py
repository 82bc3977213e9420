"""What a file takes, in words for a comment in code."""

from ca_deploy.records.tensors import TensorSpec


def input_text(spec: TensorSpec) -> str:
    values = "(value / 255 - MEAN) / STD" if spec.normalised else "raw 0..255"
    return f"RGB {spec.layout}, {spec.dtype}, {values}"
