"""The layers of a model that a recipe's ``[[layer]]`` overrides cover."""

import difflib
from collections.abc import Mapping, Sequence

from ca_deploy.errors import RecipeError
from ca_deploy.records.recipe import ExportRecipe, LayerOverride

_SHOWN = 12
# The reason reported for what --head nms adds to an integer file.
FINDS_DETECTIONS = "finds detections, in float by design: integers would move boxes, and make equal what is not"


def kept_float_because(pattern: str) -> str:
    """The reason reported for an operator that a ``[[layer]]`` keeps float in an integer file."""
    return f"the recipe keeps it float: [[layer]] match = {pattern!r}"


def nothing_left(recipe: ExportRecipe) -> RecipeError:
    """The error for overrides that keep everything float that could be quantised."""
    patterns = ", ".join(repr(override.match) for override in recipe.layer)
    return RecipeError(
        f"{recipe.name}: [[layer]] match = {patterns} keeps all layers float that could be quantised. Let it match "
        "fewer, or export by a float recipe."
    )


def overridden(recipe: ExportRecipe, modules: Mapping[str, Sequence[str]]) -> dict[str, LayerOverride]:
    """The overrides of operators, by name: for each the first one that covers any of the operator's modules.

    ``modules`` maps each operator to the paths of its PyTorch modules.

    Raises:
        RecipeError: an override covers no operator.
    """
    all_modules = dict.fromkeys(module for paths in modules.values() for module in paths)
    known = [module for module in all_modules if module]
    for override in recipe.layer:
        if not any(map(override.covers, all_modules)):
            more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
            close = difflib.get_close_matches(override.match, known, n=2)
            meant = f"Did you mean {' or '.join(map(repr, close))}? " if close else ""
            layers = (
                f"{meant}Its layers are {', '.join(known[:_SHOWN])}{more}." if known else "It does not name its layers."
            )
            raise RecipeError(
                f"{recipe.name}: [[layer]] match = {override.match!r} covers no layer of this network. {layers}"
            )
    found = {name: recipe.override(paths) for name, paths in modules.items()}
    return {name: override for name, override in found.items() if override is not None}
