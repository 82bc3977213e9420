"""Export recipes: TOML files that define how a model becomes a file, and how exact the file has to be.

Names decode as ``<format>_<mode>``: ``onnx_float32``, ``tflite_float16``, or, with quantised weights,
``<format>_<mode>_wi<weight bits>_a<activations>[_<io>_io]``, where activations are ``i8``, ``i16``, ``fp16`` or
``fp32``: ``tflite_static_wi8_ai8``, ``onnx_dynamic_wi8_afp32``, ``tflite_static_wi8_ai8_uint8rgb_io``; in Core ML
also ``coreml_weight_only_wi8_afp16`` and, with look-up tables, ``coreml_palettized_wi6_afp16``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

from ca_deploy.errors import RecipeError, UsageError
from ca_deploy.files import file_stem
from ca_deploy.formats import Format, find_format, format_names
from ca_deploy.records.codec import Unreadable, decode, parse_toml, schema
from ca_deploy.records.faults import Fault, unknown_key, unknown_value
from ca_deploy.records.recipe import (
    FLOOR_AGREEMENT_PERCENT,
    FLOOR_CHANNEL_SQNR_DB,
    FLOOR_MAX_ABS_ERROR,
    FLOOR_SQNR_DB,
    FLOOR_SQNR_DB_4_BIT,
    FLOOR_SYSTEMATIC,
    ExportRecipe,
    OutputTolerances,
    Tolerances,
)
from ca_deploy.shipped import data_files, find_data_file

FOLDER = "export_recipes"


def recipe_names() -> list[str]:
    """Names of the recipes that ship with ca-deploy."""
    return sorted(path.stem for path in data_files(FOLDER, ".toml"))


def load_recipe(name: str) -> ExportRecipe:
    """A shipped recipe by name, or any TOML file by path.

    Raises:
        UsageError: there is no such recipe; the message suggests the closest.
        RecipeError: the file is malformed; the message lists every error, with file and key.
    """
    path = find_data_file(FOLDER, name, kind="recipe", list_command="ca-deploy list recipes")
    try:
        content = parse_toml(path)
    except Unreadable as error:
        raise RecipeError(*error.about(f"Recipe {path}")) from error
    recipe, faults = _read(content, file_stem(path.stem))
    if recipe is None or faults:
        raise RecipeError(f"Recipe {path} has {len(faults)} error(s):", *(f"  {fault}" for fault in faults))
    return replace(recipe, tolerances=recipe.tolerances.with_floors)


def choose_recipes(formats: Sequence[str], int8: bool, fp16: bool, recipes: Sequence[str]) -> list[str]:
    """The recipes that formats and flags choose; a recipe's name may omit the format where a format is given.

    Raises:
        UsageError: the flags contradict each other, or none of them names a format.
    """
    if sum((int8, fp16, bool(recipes))) > 1:
        raise UsageError("--int8, --fp16 and --recipe each choose the recipe: use one of them.")
    if not recipes:
        if not formats:
            choices = ", ".join(f"--format {name}" for name in format_names())
            raise UsageError(f"Name one or more formats to export to: {choices}.")
        for name in formats:
            find_format(name)
        return [f"{name}_{mode_of(int8, fp16)}" for name in formats]
    chosen = []
    for recipe in recipes:
        short = [f"{name}_{recipe}" for name in formats if f"{name}_{recipe}" in recipe_names()]
        chosen += short or [recipe]
    if formats:
        for name in chosen:
            if (made := load_recipe(name).format) not in formats:
                raise UsageError(f"--recipe {name} makes {made} files, which contradicts --format {' '.join(formats)}.")
    return chosen


def mode_of(int8: bool, fp16: bool) -> str:
    """The part after the format in the name of the recipe that a flag chooses."""
    if int8:
        return "static_wi8_ai8"
    return "float16" if fp16 else "float32"


def recipe_schema() -> dict[str, Any]:
    """The JSON schema of a recipe's TOML, with the options of all formats."""
    found = schema(ExportRecipe)
    properties = found["properties"]
    for key in ("name", "options"):
        del properties[key]
    found["required"] = [key for key in found["required"] if key in properties]
    properties["format"]["enum"] = format_names()
    for format in map(find_format, format_names()):
        for key, option in format.options.items():
            properties[key] = {"enum": list(option.values), "title": key, "description": f"{format.name}: {option.why}"}
    return found


def _read(content: dict[str, Any], name: str) -> tuple[ExportRecipe | None, list[str]]:
    """The recipe, or None if it cannot be decoded, and one message per error."""
    owners: dict[str, Format] = {}
    for format in map(find_format, format_names()):
        owners |= dict.fromkeys(format.options, format)
    faults = []
    known = sorted({field.name for field in fields(ExportRecipe)} - {"name", "options"} | owners.keys())
    for key in sorted(content.keys() - set(known)):
        faults.append(Fault((key,), unknown_key(key, known)))
        del content[key]
    options = {key: content.pop(key) for key in sorted(content.keys() & owners.keys())}
    for key, value in list(options.items()):
        choices = owners[key].options[key].values
        if not any(type(value) is type(choice) and value == choice for choice in choices):
            faults.append(Fault((key,), unknown_value(value, choices)))
            del options[key]
    if isinstance(content.get("format"), str) and content["format"] not in format_names():
        faults.append(Fault(("format",), unknown_value(content["format"], format_names())))
    full = {**content, "name": name, "options": options}
    try:
        recipe = decode(ExportRecipe, full)
    except Unreadable as error:
        faults += error.faults
        # The remaining keys may contradict each other too.
        try:
            recipe = decode(ExportRecipe, {"description": "-", "tolerances": {}, **error.without_faults(full)})
        except Unreadable:
            return None, [str(fault) for fault in faults]
    known_places = {".".join(map(str, fault.location)) for fault in faults}

    def is_new(complaint: str) -> bool:
        key = complaint.partition(":")[0]
        return not any(key == place or key.startswith(f"{place}.") for place in known_places)

    more = list(filter(is_new, _contradictions(recipe)))
    return recipe, [*map(str, faults), *more]


def _contradictions(recipe: ExportRecipe) -> Iterator[str]:
    if recipe.format in format_names():
        yield from find_format(recipe.format).contradictions(recipe)
    if recipe.mode == "static" and recipe.activation_bits is None:
        yield "activation_bits: missing; mode = 'static' quantises activations."
    if recipe.compresses_weights and recipe.weight_bits is None:
        yield f"weight_bits: missing; mode = {recipe.mode!r} quantises weights."
    if recipe.io == "int8" and not (recipe.mode == "static" and recipe.activation_bits == 8):
        yield "io: 'int8' needs mode = 'static' and activation_bits = 8."
    if recipe.layer and recipe.mode != "static":
        yield f"layer: mode = {recipe.mode!r} does not quantise activations; remove [[layer]]."
    if recipe.last_stage != "auto" and recipe.mode != "static":
        yield f"last_stage: mode = {recipe.mode!r} does not quantise activations; remove the key."
    if recipe.last_stage == "float" and recipe.io == "int8":
        yield "last_stage: 'float' contradicts io = 'int8', whose output is INT8."
    yield from _loose_tolerances(recipe)
    if recipe.name in recipe_names() and recipe.decoded_name != recipe.name:
        yield f"file name: must be {recipe.decoded_name!r} to match the contents."


def _loose_tolerances(recipe: ExportRecipe) -> Iterator[str]:
    found = recipe.tolerances
    places: list[tuple[str, Tolerances | OutputTolerances]] = [("", found)]
    places += [(f"outputs.{name}.", own) for name, own in found.outputs.items()]
    for place, own in places:
        if own.channel_sqnr_db is not None and own.channel_sqnr_db < FLOOR_CHANNEL_SQNR_DB:
            yield f"tolerances.{place}channel_sqnr_db: at least {FLOOR_CHANNEL_SQNR_DB:g}."
        if own.systematic is not None and own.systematic > FLOOR_SYSTEMATIC:
            yield f"tolerances.{place}systematic: at most {FLOOR_SYSTEMATIC:g}."
    if recipe.mode == "float32":
        if found.max_abs_error is None or found.max_abs_error > FLOOR_MAX_ABS_ERROR:
            yield f"tolerances.max_abs_error: float32 needs one, at most {FLOOR_MAX_ABS_ERROR:g}."
        for name, own in found.outputs.items():
            if own.max_abs_error is not None and own.max_abs_error > FLOOR_MAX_ABS_ERROR:
                yield f"tolerances.outputs.{name}.max_abs_error: at most {FLOOR_MAX_ABS_ERROR:g}."
        return
    floor = FLOOR_SQNR_DB_4_BIT if recipe.mode == "palettized" and recipe.weight_bits == 4 else FLOOR_SQNR_DB
    if found.sqnr_db is None or found.sqnr_db < floor:
        yield f"tolerances.sqnr_db: {recipe.mode} needs one, at least {floor:g}."
    for name, own in found.outputs.items():
        if own.sqnr_db is not None and own.sqnr_db < floor:
            yield f"tolerances.outputs.{name}.sqnr_db: at least {floor:g}."
    if found.agreement_percent is None or found.agreement_percent < FLOOR_AGREEMENT_PERCENT:
        yield f"tolerances.agreement_percent: {recipe.mode} needs one, at least {FLOOR_AGREEMENT_PERCENT:g}."
