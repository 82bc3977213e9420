"""A description of a file's input, for a comment in generated code."""

from ca_deploy.records.tensors import TensorSpec


def input_text(spec: TensorSpec) -> str:
    values = "(value / 255 - MEAN) / STD" if spec.normalised else "raw 0..255"
    return f"RGB {spec.layout}, {spec.dtype}, {values}"
