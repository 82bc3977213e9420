"""The request to a converter process, and its description of the file that it wrote."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ca_deploy.records.image_sizes import Size2d
from ca_deploy.records.lowering import Lowering
from ca_deploy.records.model import ModelSource
from ca_deploy.records.recipe import ExportRecipe
from ca_deploy.records.record import record
from ca_deploy.records.samples import Samples
from ca_deploy.records.tensors import TensorSpec


@dataclass(frozen=True, slots=True)
class Conversion:
    """Everything that a converter process needs to write one file.

    ``calibration`` is None where the recipe needs none. ``log`` is where everything printed is delivered, and what
    messages name; None where it is not kept. ``dynamic_batch`` makes the batch dimension dynamic; otherwise the file
    takes ``batch`` samples at once. ``dynamic_size`` makes height and width of the image dynamic; ``sizes`` are those
    that it may have, where there are several, the network's own first. ``lowering`` says how attention is written
    (:func:`ca_deploy.lowering.rules.rules_for`), which is proved on ``examples``.
    """

    source: ModelSource
    recipe: ExportRecipe
    calibration: Samples | None
    path: Path
    log: Path | None
    dynamic_batch: bool = False
    batch: int = 1
    dynamic_size: bool = False
    sizes: tuple[Size2d, ...] = ()
    lowering: str = "default"
    examples: Samples | None = None

    @property
    def printed(self) -> Path:
        """The log while it is written, beside the file, so that it is delivered with the file or not at all."""
        return self.path.with_name(self.log.name) if self.log else self.path.with_suffix(".log")

    @property
    def float32_path(self) -> Path:
        """The path of the float32 file, to compare the size and speed of a smaller file with."""
        return self.path.with_name(f"{self.path.stem}.float32{self.path.suffix}")


@record
class FloatOperator:
    """A kind of operator that computes in float inside an integer file, how often, and why."""

    operator: str
    count: int
    reason: str


@record
class Converted:
    """A converter's description of the file that it wrote.

    ``float32_path`` is the float32 file of the same format; None where the file itself is float32. ``lowering`` is how
    attention is written in both.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operators: Mapping[str, int]
    tools: Mapping[str, str]
    float_operators: tuple[FloatOperator, ...] = ()
    notes: tuple[str, ...] = ()
    float32_path: Path | None = None
    lowering: Lowering = field(default_factory=Lowering)
