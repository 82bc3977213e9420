"""One conversion, stage by stage: convert, calibrate, choose ranges, apply them, write."""

from typing import TypeVar

from ca_deploy.errors import RecipeError
from ca_deploy.formats import Converter
from ca_deploy.progress import Step
from ca_deploy.records.conversion import Conversion, Converted

Model = TypeVar("Model")
Seen = TypeVar("Seen")
Ranges = TypeVar("Ranges")


def carry_out(converter: Converter[Model, Seen, Ranges], conversion: Conversion, step: Step) -> Converted:
    """Write one file with a format's converter.

    Raises:
        RecipeError: the recipe needs calibration images, and the conversion has none.
        CaDeployError: see :class:`ca_deploy.formats.Converter`.
    """
    recipe, images = conversion.recipe, conversion.calibration
    model = converter.convert(conversion, step)
    seen: Seen | None = None
    ranges: Ranges | None = None
    if recipe.needs_calibration:
        if images is None:
            raise RecipeError(f"{recipe.name} needs calibration images. Pass them with --calibration.")
        step(f"calibrating on {len(images)} images")
        seen = converter.calibrate(model, images, recipe)
        ranges = converter.ranges(model, seen, recipe)
    if recipe.mode != "float32":
        model = converter.apply(model, recipe, seen, ranges, step)
    step("writing the file")
    return converter.write(model, conversion)
