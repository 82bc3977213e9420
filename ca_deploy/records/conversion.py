"""What an exporter says about the file that it wrote."""

from collections.abc import Mapping
from pathlib import Path

from ca_deploy.records.record import record
from ca_deploy.records.tensors import TensorSpec


@record
class FloatOperator:
    """An operator kind that stayed float inside an integer file, how many times, and why."""

    operator: str
    count: int
    reason: str


@record
class Converted:
    """What an exporter says about the file that it wrote.

    ``float32_path`` is the float32 file of the same format that an integer one was made from, left beside it
    so that sizes and speed can be compared.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operators: Mapping[str, int]
    tools: Mapping[str, str]
    float_operators: tuple[FloatOperator, ...] = ()
    notes: tuple[str, ...] = ()
    float32_path: Path | None = None
