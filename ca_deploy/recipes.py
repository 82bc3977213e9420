"""Export recipes: TOML files that say how a model becomes a file, and how exact it has to be.

Names decode as ``<format>_<mode>``: ``onnx_float32``, ``tflite_float16``, or, with weights in fewer bits,
``<format>_<mode>_wi<weight bits>_a<activations>[_<io>_io]``, where activations are ``i8``, ``i16``, ``fp16`` or
``fp32``: ``tflite_static_wi8_ai8``, ``onnx_dynamic_wi8_afp32``, ``tflite_static_wi8_ai8_uint8rgb_io``; in Core ML
also ``coreml_weight_only_wi8_afp16`` and, with look-up tables, ``coreml_palettized_wi6_afp16``.
"""

import tomllib
from collections.abc import Callable, Sequence
from typing import Any, get_args

from ca_deploy.errors import RecipeError, UsageError
from ca_deploy.files import file_stem
from ca_deploy.formats import find_format, format_names
from ca_deploy.records.recipe import (
    FLOOR_AGREEMENT_PERCENT,
    FLOOR_MAX_ABS_ERROR,
    FLOOR_SQNR_DB,
    FLOOR_SQNR_DB_4_BIT,
    DeploymentTarget,
    ExportRecipe,
    Io,
    Method,
    Mode,
    Tolerances,
)
from ca_deploy.shipped import data_files, find_data_file

FOLDER = "export_recipes"

# What Core ML needs for each mode: compressed weights came with iOS 16, quantized activations with iOS 17. Several
# tables a weight, which 4 bits need, came with iOS 18.
OLDEST_TARGET = {
    "float32": "iOS15", "float16": "iOS15", "weight_only": "iOS16", "palettized": "iOS16", "static": "iOS17",
}  # fmt: skip


def recipe_names() -> list[str]:
    """Names of the recipes that ship with ca-deploy."""
    return sorted(path.stem for path in data_files(FOLDER, ".toml"))


def load_recipe(name: str) -> ExportRecipe:
    """A shipped recipe by name, or any TOML file by path.

    Raises:
        UsageError: no such recipe; names the closest.
        RecipeError: the file is malformed; every error is listed at once, with file and key.
    """
    path = find_data_file(FOLDER, name, kind="recipe", list_command="ca-deploy list recipes")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"Recipe {path} is not valid TOML: {error}.") from error
    reader = _Reader(content)
    recipe = reader.recipe(file_stem(path.stem))
    if reader.errors:
        listed = "\n".join(f"  {error}" for error in reader.errors)
        raise RecipeError(f"Recipe {path} has {len(reader.errors)} error(s):\n{listed}")
    return recipe


def choose_recipes(formats: Sequence[str], int8: bool, fp16: bool, recipes: Sequence[str]) -> list[str]:
    """The recipes that formats and flags stand for; a recipe may leave out its format where that is named.

    Raises:
        UsageError: flags that contradict each other, or none that name a format.
    """
    if sum((int8, fp16, bool(recipes))) > 1:
        raise UsageError("--int8, --fp16 and --recipe each choose the recipe: use one of them.")
    if not recipes:
        if not formats:
            raise UsageError("Say what to export to: --format tflite, --format onnx, --format coreml, or several.")
        for name in formats:
            find_format(name)
        mode = "static_wi8_ai8" if int8 else "float16" if fp16 else "float32"
        return [f"{name}_{mode}" for name in formats]
    chosen = []
    for recipe in recipes:
        short = [f"{name}_{recipe}" for name in formats if f"{name}_{recipe}" in recipe_names()]
        chosen += short or [recipe]
    if formats:
        for name in chosen:
            if (made := load_recipe(name).format) not in formats:
                raise UsageError(f"--recipe {name} makes {made} files, which contradicts --format {' '.join(formats)}.")
    return chosen


class _Reader:
    """Reads keys one by one and remembers every complaint."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self.errors: list[str] = []

    def recipe(self, name: str) -> ExportRecipe:
        content = self.content
        tolerances = content.get("tolerances", {})
        if not isinstance(tolerances, dict):
            self.errors.append("tolerances: must be a table, [tolerances].")
            tolerances = {}
        self._refuse_unknown(content, set(ExportRecipe.__dataclass_fields__) - {"name"}, "")
        self._refuse_unknown(tolerances, set(Tolerances.__dataclass_fields__), "tolerances.")
        recipe = ExportRecipe(
            name=name,
            description=self._text("description"),
            format=self._choice("format", tuple(format_names())),
            mode=self._choice("mode", get_args(Mode)),
            io=self._choice("io", get_args(Io), "float32"),
            weight_bits=self._integer("weight_bits", (4, 6, 8)),
            activation_bits=self._integer("activation_bits", (8, 16)),
            calibration=self._choice("calibration", get_args(Method), "min_max"),
            percentile=self._number(content, "percentile", "", 50, 100) or 99.99,
            opset=self._integer("opset", tuple(range(13, 26))),
            deployment_target=self._choice("deployment_target", get_args(DeploymentTarget))
            if "deployment_target" in content
            else None,
            tolerances=Tolerances(
                max_abs_error=self._number(tolerances, "max_abs_error", "tolerances.", 0, None),
                sqnr_db=self._number(tolerances, "sqnr_db", "tolerances.", 0, None),
                agreement_percent=self._number(tolerances, "agreement_percent", "tolerances.", 0, 100),
            ),
        )
        if recipe.mode in get_args(Mode):
            self._check_together(recipe)
        return recipe

    def _check_together(self, recipe: ExportRecipe) -> None:
        known = {error.partition(":")[0] for error in self.errors}

        def complain(error: str) -> None:
            if error.partition(":")[0] not in known:
                self.errors.append(error)

        if recipe.compresses_weights and recipe.weight_bits is None:
            complain(f"weight_bits: missing; mode = {recipe.mode!r} quantises weights.")
        if recipe.mode == "static" and recipe.activation_bits is None:
            complain("activation_bits: missing; mode = 'static' quantises activations.")
        if recipe.mode != "static" and recipe.activation_bits is not None:
            complain(f"activation_bits: mode = {recipe.mode!r} leaves activations float; remove the key.")
        if not recipe.compresses_weights and recipe.weight_bits is not None:
            complain(f"weight_bits: mode = {recipe.mode!r} leaves weights float; remove the key.")
        if recipe.mode != "palettized" and recipe.weight_bits not in (None, 8):
            complain(f"weight_bits: {recipe.weight_bits} is possible with mode = 'palettized' only; else it is 8.")
        if recipe.io == "int8" and not (recipe.mode == "static" and recipe.activation_bits == 8):
            complain("io: 'int8' needs mode = 'static' and activation_bits = 8.")
        if recipe.format == "onnx" and recipe.opset is None:
            complain("opset: missing; an ONNX recipe states its opset.")
        if recipe.format in format_names() and recipe.format != "onnx" and recipe.opset is not None:
            complain(f"opset: format = {recipe.format!r} has none; remove the key.")
        if recipe.format == "coreml":
            self._check_coreml(recipe, complain)
        elif recipe.format in format_names():
            if recipe.mode in ("weight_only", "palettized"):
                complain(f"mode: {recipe.mode!r} is for format = 'coreml'.")
            if recipe.deployment_target is not None:
                complain(f"deployment_target: format = {recipe.format!r} has none; remove the key.")
        found = recipe.tolerances
        if recipe.mode == "float32":
            if found.max_abs_error is None or found.max_abs_error > FLOOR_MAX_ABS_ERROR:
                complain(f"tolerances.max_abs_error: float32 needs one, at most {FLOOR_MAX_ABS_ERROR:g}.")
        else:
            floor = FLOOR_SQNR_DB_4_BIT if recipe.mode == "palettized" and recipe.weight_bits == 4 else FLOOR_SQNR_DB
            if found.sqnr_db is None or found.sqnr_db < floor:
                complain(f"tolerances.sqnr_db: {recipe.mode} needs one, at least {floor:g}.")
            least = FLOOR_AGREEMENT_PERCENT
            if found.agreement_percent is None or found.agreement_percent < least:
                complain(f"tolerances.agreement_percent: {recipe.mode} needs one, at least {least:g}.")
        if recipe.name in recipe_names() and recipe.decoded_name != recipe.name:
            complain(f"file name: the contents spell {recipe.decoded_name!r}.")

    def _check_coreml(self, recipe: ExportRecipe, complain: Callable[[str], None]) -> None:
        if recipe.mode not in OLDEST_TARGET:
            complain(f"mode: Core ML has no {recipe.mode!r}. One of: {', '.join(OLDEST_TARGET)}.")
        if recipe.io == "int8":
            complain("io: Core ML takes and gives float tensors, or takes a picture (uint8rgb).")
        if recipe.activation_bits == 16:
            complain("activation_bits: Core ML quantises activations to 8 bits only.")
        oldest = (
            "iOS18" if (recipe.mode, recipe.weight_bits) == ("palettized", 4) else OLDEST_TARGET.get(recipe.mode, "")
        )
        if recipe.deployment_target is None:
            complain("deployment_target: missing; a Core ML recipe states the oldest iOS it is for.")
        elif recipe.deployment_target < oldest:
            complain(
                f"deployment_target: {recipe.deployment_target} is too old; {recipe.mode} needs {oldest} or newer."
            )

    def _refuse_unknown(self, table: dict[str, Any], known: set[str], where: str) -> None:
        for key in sorted(table.keys() - known):
            self.errors.append(f"{where}{key}: unknown key. Known: {', '.join(sorted(known))}.")

    def _text(self, key: str) -> str:
        value = self.content.get(key)
        if isinstance(value, str) and value:
            return value
        self.errors.append(f"{key}: missing." if value is None else f"{key}: must be a text, not {value!r}.")
        return ""

    def _choice(self, key: str, choices: tuple[Any, ...], default: str | None = None) -> Any:
        value = self.content.get(key, default)
        if value not in choices:
            found = "missing" if value is None else f"{value!r} is unknown"
            self.errors.append(f"{key}: {found}. One of: {', '.join(choices)}.")
        return value

    def _integer(self, key: str, choices: tuple[int, ...]) -> int | None:
        value = self.content.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value in choices):
            return value
        self.errors.append(f"{key}: {value!r} is not possible. One of: {', '.join(map(str, choices))}.")
        return None

    def _number(self, table: dict[str, Any], key: str, where: str, least: float, most: float | None) -> float | None:
        value = table.get(key)
        if value is None:
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and value >= least and (most is None or value <= most):
            return float(value)
        bound = f"at least {least:g}" if most is None else f"between {least:g} and {most:g}"
        self.errors.append(f"{where}{key}: {value!r} is not a number {bound}.")
        return None
