"""How to make one file; :mod:`ca_deploy.recipes` reads it from TOML."""

from collections.abc import Mapping
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field

from ca_deploy.records.record import record

Mode = Literal["float32", "float16", "dynamic", "static", "weight_only", "palettized"]
Io = Literal["float32", "int8", "uint8rgb"]
Method = Literal["min_max", "percentile"]
LayerBits = Literal[16, "float"]

# No recipe may be looser than these. SQNR and agreement bind integer recipes. Weights in 4 bits are reported as they
# are: there the SQNR may be lower.
FLOOR_MAX_ABS_ERROR = 1e-4
FLOOR_SQNR_DB = 15.0
FLOOR_AGREEMENT_PERCENT = 97.0
FLOOR_SQNR_DB_4_BIT = 10.0

_Positive = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Percent = Annotated[float, Field(ge=0, le=100)]


@record
class Tolerances:
    """What the exported file has to reach against PyTorch on held-out images; None is not checked."""

    max_abs_error: _Positive | None = None
    sqnr_db: _Positive | None = None
    agreement_percent: _Percent | None = None


@record
class LayerOverride:
    """Other activations for some layers of a static recipe: one ``[[layer]]`` of its TOML.

    ``match`` is the path of a PyTorch module, with ``*`` and ``?`` as in file names: ``features.3.*``. A module stands
    for all that is inside it. ``activation_bits`` is 16, or ``"float"`` for layers that are not quantised.
    """

    match: str
    activation_bits: LayerBits

    def covers(self, module: str) -> bool:
        """Whether a module, or one that it is inside of, fits the pattern."""
        parts = module.split(".") if module else []
        return any(fnmatchcase(".".join(parts[:depth]), self.match) for depth in range(1, len(parts) + 1))


@record
class ExportRecipe:
    """How to make one file. Which of it fits together is for the format to say: :func:`ca_deploy.recipes.load_recipe`.

    ``io`` is what the file takes and gives: float32; int8; or a camera's uint8 RGB image in (normalisation
    inside the file) and float32 out. ``calibration`` says how ranges are chosen from the activations seen in
    calibration; ``percentile`` is the share of values (in percent) kept inside. ``options`` are keys that the format
    alone knows, such as ONNX's ``opset``. ``layer``: the first override that covers a layer holds for it.
    """

    name: str
    description: Annotated[str, Field(min_length=1)]
    format: str
    mode: Mode
    tolerances: Tolerances
    io: Io = "float32"
    weight_bits: Literal[4, 6, 8] | None = None
    activation_bits: Literal[8, 16] | None = None
    calibration: Method = "min_max"
    percentile: Annotated[float, Field(ge=50, le=100)] = 99.99
    options: Mapping[str, int | str] = field(default_factory=dict)
    layer: tuple[LayerOverride, ...] = ()

    @property
    def is_integer(self) -> bool:
        return self.mode in ("dynamic", "static")

    @property
    def compresses_weights(self) -> bool:
        return self.is_integer or self.mode in ("weight_only", "palettized")

    @property
    def needs_calibration(self) -> bool:
        return self.mode in ("static", "palettized")

    def override(self, module: str) -> LayerOverride | None:
        """The override that holds for the layers of a PyTorch module, by its path."""
        return next((override for override in self.layer if override.covers(module)), None)

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
