"""One conversion, stage by stage: convert, calibrate, choose ranges, apply them, write."""

from typing import TypeVar

from ca_deploy.errors import ModelError, RecipeError
from ca_deploy.formats import Converter
from ca_deploy.progress import Step, counting
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
    recipe, samples = conversion.recipe, conversion.calibration
    model = converter.convert(conversion, step)
    seen: Seen | None = None
    ranges: Ranges | None = None
    if recipe.needs_calibration:
        if samples is None:
            raise RecipeError(f"{recipe.name} needs calibration images. Pass them with --calibration.")
        watched = samples.watched(counting(step, f"calibrating on {len(samples)} samples"))
        seen = converter.calibrate(model, watched, recipe)
        ranges = converter.ranges(model, seen, recipe)
    if recipe.mode != "float32":
        model = converter.apply(model, recipe, seen, ranges, step)
    step("writing the file")
    converted = converter.write(model, conversion)
    names = [spec.name for spec in converted.outputs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ModelError(
            f"Several outputs of the network are the same tensor, which {recipe.format} knows by one name only "
            f"({', '.join(twice)}). Return it once."
        )
    return converted
