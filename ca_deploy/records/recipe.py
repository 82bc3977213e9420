"""An export recipe: how to make one file. :mod:`ca_deploy.recipes` reads it from TOML."""

from collections.abc import Mapping, Sequence
from dataclasses import field, fields, replace
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field

from ca_deploy.records.record import record

Mode = Literal["float32", "float16", "dynamic", "static", "weight_only", "palettized"]
Arithmetic = Mode | Literal["afp16"]
Io = Literal["float32", "int8", "uint8rgb"]
Method = Literal["min_max", "percentile"]
LayerBits = Literal[16, "float"]
LastStage = Literal["auto", "integer", "float"]

# The loosest tolerances that a recipe may have: the absolute error for float32, SQNR and agreement for all other modes.
# Weights in 4 bits may have a lower SQNR.
FLOOR_MAX_ABS_ERROR = 1e-4
FLOOR_SQNR_DB = 15.0
FLOOR_AGREEMENT_PERCENT = 97.0
FLOOR_SQNR_DB_4_BIT = 10.0
# Of each channel and position about its mean; what is systematic in standard deviations. All good files of the zoo and
# of the bundled network are about 2 dB better or more (benchmarks/channel_floors.py).
FLOOR_CHANNEL_SQNR_DB = 7.0
FLOOR_SYSTEMATIC = 0.2

_Positive = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Percent = Annotated[float, Field(ge=0, le=100)]


@record
class OutputTolerances:
    """Those of one output: ``[tolerances.outputs.boxes]`` of the recipe's TOML; None is the recipe's own."""

    max_abs_error: _Positive | None = None
    sqnr_db: _Positive | None = None
    channel_sqnr_db: _Positive | None = None
    systematic: _Positive | None = None


@record
class Tolerances:
    """What each output of a file has to reach, compared with PyTorch on held-out images; None is not checked.

    ``sqnr_db`` is that of a whole output, ``channel_sqnr_db`` the least of any of its channels and positions, and
    ``systematic`` the most of any channel (:class:`ca_deploy.records.parity.ChannelParity`). ``agreement_percent`` is
    missed where the agreement is lower beyond chance. ``outputs`` has tolerances of its own for an output, by its name.
    """

    max_abs_error: _Positive | None = None
    sqnr_db: _Positive | None = None
    agreement_percent: _Percent | None = None
    outputs: Mapping[str, OutputTolerances] = field(default_factory=dict)
    channel_sqnr_db: _Positive | None = None
    systematic: _Positive | None = None

    def of(self, output: str) -> "Tolerances":
        """Those that apply to an output."""
        own = self.outputs.get(output, OutputTolerances())
        given = {key.name: getattr(own, key.name) for key in fields(own)}
        return replace(self, outputs={}, **{name: value for name, value in given.items() if value is not None})

    @property
    def with_floors(self) -> "Tolerances":
        """With the loosest tolerances of channels, where there are none."""
        return replace(
            self,
            channel_sqnr_db=FLOOR_CHANNEL_SQNR_DB if self.channel_sqnr_db is None else self.channel_sqnr_db,
            systematic=FLOOR_SYSTEMATIC if self.systematic is None else self.systematic,
        )


@record
class LayerOverride:
    """Other activation bits for some layers of a static recipe: one ``[[layer]]`` of its TOML.

    ``match`` is the path of a PyTorch module, with ``*`` and ``?`` as in file names: ``features.3.*``. It covers all
    modules inside a matching one. ``activation_bits`` is 16, or ``"float"`` for layers that are not quantised.
    """

    match: str
    activation_bits: LayerBits

    def covers(self, module: str) -> bool:
        """Whether the pattern matches a module, or one that contains it; "" is the network itself."""
        parts = module.split(".")
        return any(fnmatchcase(".".join(parts[:depth]), self.match) for depth in range(1, len(parts) + 1))


@record
class ExportRecipe:
    """How to make one file. :func:`ca_deploy.recipes.load_recipe` checks which values the format allows together.

    ``io`` is the type of the file's input and output: float32; int8; or uint8 RGB from a camera in (normalised inside
    the file) and float32 out. ``calibration`` is the method that chooses ranges from the activations observed in
    calibration; ``percentile`` sets the share of values that the range leaves out: (100 - percentile) / 2 percent at
    each end for ONNX, 100 - percentile percent at each end for TFLite and Core ML. ``options`` are keys of one format,
    such as ONNX's ``opset``. Of several overrides in ``layer`` that cover a layer, the first applies. ``last_stage``
    says whether what comes from the last layers on is quantised: ``auto`` keeps it float where integers would destroy
    an output.
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
    last_stage: LastStage = "auto"

    @property
    def is_integer(self) -> bool:
        return self.mode in ("dynamic", "static")

    @property
    def computes_in_float16(self) -> bool:
        """Whether a float file asks for float16 arithmetic, of runtimes that otherwise compute it in float32."""
        return self.mode == "float16" and self.activation_bits == 16

    @property
    def arithmetic(self) -> Arithmetic:
        """The mode, or ``afp16`` for float files that are computed in float16."""
        return "afp16" if self.computes_in_float16 else self.mode

    @property
    def compresses_weights(self) -> bool:
        return self.is_integer or self.mode in ("weight_only", "palettized")

    @property
    def needs_calibration(self) -> bool:
        return self.mode in ("static", "palettized")

    def override(self, modules: Sequence[str]) -> LayerOverride | None:
        """The override for an operator, given the paths of its PyTorch modules."""
        return next((override for override in self.layer if any(map(override.covers, modules))), None)

    @property
    def decoded_name(self) -> str:
        """The name that follows from the contents."""
        name = f"{self.format}_{self.mode}"
        if self.compresses_weights:
            activations = "afp32" if self.is_integer else "afp16"
            if self.activation_bits:
                activations = f"ai{self.activation_bits}"
            name += f"_wi{self.weight_bits}_{activations}"
        if self.computes_in_float16:
            name += "_afp16"
        return name if self.io == "float32" else f"{name}_{self.io}_io"
