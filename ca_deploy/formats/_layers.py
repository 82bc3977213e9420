"""The layers of a model that a recipe's ``[[layer]]`` overrides cover."""

from collections.abc import Mapping

from ca_deploy.errors import RecipeError
from ca_deploy.records.recipe import ExportRecipe, LayerOverride

_SHOWN = 12


def kept_float_because(pattern: str) -> str:
    """The reason reported for an operator that a ``[[layer]]`` keeps float in an integer file."""
    return f"the recipe keeps it float: [[layer]] match = {pattern!r}"


def overridden(recipe: ExportRecipe, modules: Mapping[str, str]) -> dict[str, LayerOverride]:
    """The overrides of operators, by name. ``modules`` maps each operator to the path of its PyTorch module.

    Raises:
        RecipeError: an override covers no operator.
    """
    found = {name: override for name, module in modules.items() if (override := recipe.override(module))}
    for override in recipe.layer:
        if not any(override.covers(module) for module in modules.values()):
            known = list(dict.fromkeys(module for module in modules.values() if module))
            more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
            raise RecipeError(
                f"{recipe.name}: [[layer]] match = {override.match!r} covers no layer of this network. Its layers are "
                f"{', '.join(known[:_SHOWN])}{more}."
            )
    return found
