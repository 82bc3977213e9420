"""How to make one file; :mod:`ca_deploy.recipes` reads it from TOML."""

from dataclasses import dataclass
from typing import Literal

from ca_deploy.records.record import record

Mode = Literal["float32", "float16", "dynamic", "static", "weight_only", "palettized"]
Io = Literal["float32", "int8", "uint8rgb"]
Method = Literal["min_max", "percentile"]
DeploymentTarget = Literal["iOS15", "iOS16", "iOS17", "iOS18"]

# No recipe may be looser than these. SQNR and agreement bind integer recipes. Weights in 4 bits are reported as they
# are: there the SQNR may be lower.
FLOOR_MAX_ABS_ERROR = 1e-4
FLOOR_SQNR_DB = 15.0
FLOOR_AGREEMENT_PERCENT = 97.0
FLOOR_SQNR_DB_4_BIT = 10.0


@record
class Tolerances:
    """What the exported file has to reach against PyTorch on held-out images; None is not checked."""

    max_abs_error: float | None = None
    sqnr_db: float | None = None
    agreement_percent: float | None = None


@dataclass(frozen=True, slots=True)
class ExportRecipe:
    """How to make one file. Validated by :func:`load_recipe`.

    ``io`` is what the file takes and gives: float32; int8; or a camera's uint8 RGB image in (normalisation
    inside the file) and float32 out. ``opset`` is for ONNX. ``calibration`` says how ranges are chosen from
    the activations seen in calibration; ``percentile`` is the share of values (in percent) kept inside.
    ``deployment_target`` is for Core ML: the oldest iOS that the file has to run on.
    """

    name: str
    description: str
    format: str
    mode: Mode
    tolerances: Tolerances
    io: Io = "float32"
    weight_bits: int | None = None
    activation_bits: int | None = None
    calibration: Method = "min_max"
    percentile: float = 99.99
    opset: int | None = None
    deployment_target: DeploymentTarget | None = None

    @property
    def is_integer(self) -> bool:
        return self.mode in ("dynamic", "static")

    @property
    def compresses_weights(self) -> bool:
        return self.is_integer or self.mode in ("weight_only", "palettized")

    @property
    def needs_calibration(self) -> bool:
        return self.mode in ("static", "palettized")

    @property
    def decoded_name(self) -> str:
        """The name that the contents spell."""
        name = f"{self.format}_{self.mode}"
        if self.compresses_weights:
            activations = (
                f"ai{self.activation_bits}" if self.activation_bits else "afp32" if self.is_integer else "afp16"
            )
            name += f"_wi{self.weight_bits}_{activations}"
        return name if self.io == "float32" else f"{name}_{self.io}_io"
