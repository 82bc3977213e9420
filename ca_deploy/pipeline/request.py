"""The request of an ``export`` call, validated."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.data import arrays
from ca_deploy.data.shares import FEWEST_HELD_OUT
from ca_deploy.errors import ArtifactError, ModelError, RecipeError, RuntimeUnavailable, UsageError, unknown_name
from ca_deploy.formats import Format, Wanted, find_format, format_names, formats_with
from ca_deploy.lowering.rules import DEFAULT, rules_for
from ca_deploy.networks.source import source_of_object
from ca_deploy.networks.stated_task import check_task
from ca_deploy.recipes import load_recipe
from ca_deploy.records.image_sizes import Size2d, size_text
from ca_deploy.records.manifest import manifest_of
from ca_deploy.records.model import ModelSource
from ca_deploy.records.places import source_beside, source_from
from ca_deploy.records.recipe import ExportRecipe
from ca_deploy.targets import find_target

if TYPE_CHECKING:
    from torch import nn

    from ca_deploy.networks.source import Network

# https://apple.github.io/coremltools/docs-guides/source/flexible-inputs.html
_MOST_SIZES = 128


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A model, the recipes to export it with, and options.

    ``calibration`` is the name of a set, a TOML path, a folder of images, or a file of samples; by default the model's
    own set. ``calibration_count`` is the number of calibration images, and ``held_out`` of those that verify the files;
    by default the set's own (200 and 128 for a folder, or half of a smaller one). ``batch`` is the number of samples
    that the files take at once. ``dynamic_size`` leaves height and width of the image open; ``sizes`` are those that it
    may have, beside the network's own. ``targets`` check the files of their formats. ``zipped`` also packs a file that
    is a folder into a .zip. ``module`` is a network in memory, which ``source`` then describes. ``lowering`` says how
    attention is written (:func:`ca_deploy.lowering.rules.rules_for`).
    """

    source: ModelSource
    recipes: tuple[ExportRecipe, ...]
    output: Path
    calibration: str | None = None
    calibration_count: int | None = None
    held_out: int | None = None
    dynamic_batch: bool = False
    batch: int = 1
    dynamic_size: bool = False
    sizes: tuple[Size2d, ...] = ()
    targets: tuple[str, ...] = ()
    zipped: bool = False
    module: "nn.Module | None" = None
    lowering: str = "default"

    def formats(self) -> dict[Format, list[ExportRecipe]]:
        """The recipes of each format."""
        found: dict[Format, list[ExportRecipe]] = {}
        for recipe in self.recipes:
            found.setdefault(find_format(recipe.format), []).append(recipe)
        return found

    def log(self, recipe: ExportRecipe) -> Path:
        """The converter's log file for a recipe."""
        return self.output / f"{self.source.stem}.{recipe.name}.log"


def requested(
    source: ModelSource,
    recipes: Sequence[str],
    output: Path,
    calibration: str | None = None,
    calibration_count: int | None = None,
    held_out: int | None = None,
    dynamic_batch: bool = False,
    batch: int = 1,
    dynamic_size: bool = False,
    sizes: Sequence[Size2d] = (),
    targets: Sequence[str] = (),
    zipped: bool = False,
    module: "nn.Module | None" = None,
    lowering: str = DEFAULT,
) -> ExportRequest:
    """The request, after all checks that need no conversion. ``recipes`` are names or TOML paths.

    Raises:
        UsageError: there is no recipe, two would write the same file, a format cannot have dynamic dimensions, a target
            checks none of the formats, or a name is unknown.
        RecipeError: a recipe is malformed.
        RuntimeUnavailable: a converter is not installed.
    """
    if module is not None:
        source = source_of_object(module, source)
    if calibration is not None and calibration.endswith(arrays.SUFFIXES):
        source = _described_by_samples(source, Path(calibration))
    chosen = tuple(load_recipe(name) for name in dict.fromkeys(recipes))
    if not chosen:
        raise UsageError("Nothing to export: name at least one recipe.")
    unlike = [recipe for number, recipe in enumerate(chosen) if recipe not in chosen[:number]]
    if len({recipe.name for recipe in unlike}) < len(unlike):
        raise UsageError(
            f"Two of the recipes {', '.join(recipes)} would write files of the same name. Rename one of them."
        )
    asked = ExportRequest(
        source=source,
        recipes=tuple(unlike),
        output=output,
        calibration=calibration,
        calibration_count=calibration_count,
        held_out=held_out,
        dynamic_batch=dynamic_batch,
        batch=batch,
        dynamic_size=dynamic_size,
        sizes=tuple(dict.fromkeys((height, width) for height, width in sizes)),
        targets=tuple(targets),
        zipped=zipped,
        module=module,
        lowering=lowering,
    )
    for recipe in unlike:
        rules_for(lowering, recipe.format, recipe.arithmetic)
    formats = asked.formats()
    if held_out is not None and held_out < FEWEST_HELD_OUT:
        raise UsageError(f"--held-out {held_out}: a verdict on parity needs {FEWEST_HELD_OUT} images at least.")
    if batch < 1 or (batch > 1 and dynamic_batch):
        raise UsageError(f"--batch {batch}: it is the fixed number of samples per inference, without --dynamic-batch.")
    _refuse_what_no_format_of_these_can(asked)
    if len(asked.sizes) >= _MOST_SIZES:
        raise UsageError(f"--sizes has {len(asked.sizes)} sizes, and Core ML lists {_MOST_SIZES} at most.")
    for size in asked.sizes:
        if min(size) < 1:
            raise UsageError(f"--sizes {size_text(size)} is not possible: it is a height and a width in pixels.")
    for format, group in formats.items():
        if missing := format.missing_packages():
            raise RuntimeUnavailable(
                f"Recipe {group[0].name} needs {', '.join(missing)}, which this machine lacks. The converters have no "
                "packages for ARM Linux: export on an x86-64 machine or a Mac, and copy the files."
            )
    made = {format.suffix for format in formats}
    for name in targets:
        target, _ = find_target(name)
        if not made & set(target.suffixes):
            raise UsageError(f"--check {name} checks {', '.join(target.suffixes)} files, and none is to be exported.")
    source.registered()
    check_task(source)
    _refuse_other_models_files(asked)
    return asked


def _described_by_samples(source: ModelSource, file: Path) -> ModelSource:
    """The source, with what a file's arrays say of the inputs that no ``--input`` describes."""
    wished = {wish.name for wish in source.inputs}
    found = arrays.wishes_of(file)
    if len(found) == 1 and len(wished) == 1:  # the same one, whatever the array is called
        return source
    if source.input_size is not None or source.crop is not None:
        found = tuple(replace(wish, size=None) for wish in found)
    if source.channels is not None:
        found = tuple(replace(wish, channels=None) for wish in found)
    return replace(source, inputs=(*source.inputs, *(wish for wish in found if wish.name not in wished)))


def refuse_head(network: "Network", formats: Iterable[Format]) -> None:
    """Refuse formats that cannot express the network's head.

    Raises:
        UsageError: names those that can.
    """
    if network.head is None:
        return
    able = formats_with(f"{network.task.name.partition(':')[0]}/{network.head}")
    if unable := [format.name for format in formats if format.name not in able]:
        others = ", ".join(name for name, head in network.task.heads.items() if not head.finished)
        raise UsageError(
            f"--head {network.head} is not possible with --format {', '.join(unable)}: it is not written there. "
            f"Export to {' or '.join(able) or 'no format here'}, or choose another head: {others}."
        )


def refuse_unfit(request: ExportRequest, network: "Network") -> None:
    """Refuse recipes that cannot serve the network's signature.

    Raises:
        UsageError: a format cannot express the network's head.
        RecipeError: a recipe's file takes an RGB picture, and the network something else; or a recipe has tolerances of
            an output that the network lacks.
        ModelError: a format cannot represent the network, as far as that shows before conversion; or it does not take
            several samples at once.
    """
    refuse_head(network, request.formats())
    if network.unfinished is not None:
        _refuse_unfinishable(request, network)
    outputs = [given.name for given in (*network.signature.outputs, *network.converted.signature.outputs)]
    for recipe in request.recipes:
        for name in recipe.tolerances.outputs:
            if name not in outputs:
                raise RecipeError(f"{recipe.name}: tolerances.outputs: {unknown_name('output', name, outputs)}")
    photo = network.signature.photo
    for recipe in request.recipes:
        if recipe.io != "uint8rgb" or (photo is not None and photo.channels == "RGB"):
            continue
        takes = photo.channels if photo is not None else network.signature.inputs_text
        raise RecipeError(
            f"Recipe {recipe.name} writes a file that takes an RGB picture, and {network.name} takes {takes}. "
            "Choose a recipe with float32 or int8 input."
        )
    for format, recipes in request.formats().items():
        if reasons := format.reasons_against(network, Wanted(tuple(recipes), request.batch)):
            raise ModelError(
                f"{network.name} cannot become {format.name}: {'; '.join(reasons)}, or drop --format {format.name}."
            )
    if request.dynamic_batch or request.batch > 1:
        from ca_deploy.networks.batches import refuse_dependence

        refuse_dependence(network, 2 if request.dynamic_batch else request.batch)


def _refuse_unfinishable(request: ExportRequest, network: "Network") -> None:
    """Refuse what a head that formats add cannot have.

    Raises:
        UsageError: several samples at once, or images of several sizes.
        RecipeError: a recipe's file gives integers.
    """
    wished = {
        "--dynamic-batch": request.dynamic_batch,
        "--batch": request.batch > 1,
        "--dynamic-size": request.dynamic_size,
        "--sizes": bool(request.sizes),
    }
    if given := [option for option, wish in wished.items() if wish]:
        others = ", ".join(name for name, head in network.task.heads.items() if not head.finished)
        raise UsageError(
            f"--head {network.head} takes one image of one size: drop {', '.join(given)}, or choose another head: "
            f"{others}."
        )
    for recipe in request.recipes:
        if recipe.io == "int8":
            raise RecipeError(
                f"Recipe {recipe.name} gives integers, and --head {network.head} computes what it gives in float. "
                "Choose a recipe with float32 output."
            )


def _refuse_what_no_format_of_these_can(asked: ExportRequest) -> None:
    """Refuse dynamic dimensions that a requested format does not have."""
    wishes: tuple[tuple[str, bool, Callable[[Format], bool], str], ...] = (
        ("--dynamic-batch", asked.dynamic_batch, lambda format: format.dynamic_batch, "have fixed shapes"),
        ("--dynamic-size", asked.dynamic_size, lambda format: format.dynamic_size, "do not take images of any size"),
        ("--sizes", bool(asked.sizes), lambda format: format.enumerated_sizes, "have no list of sizes"),
    )
    for option, wished, has, why in wishes:
        unable = [format.name for format in asked.formats() if not has(format)]
        if wished and unable:
            able = [name for name in format_names() if has(find_format(name))]
            raise UsageError(
                f"{option} is not possible with --format {', '.join(unable)}, whose files {why}. "
                f"Drop it, or export to {' or '.join(able)}."
            )


def _refuse_other_models_files(asked: ExportRequest) -> None:
    for format, recipes in asked.formats().items():
        for recipe in recipes:
            place = asked.output / f"{asked.source.stem}.{recipe.name}{format.suffix}"
            try:
                found = manifest_of(place)
            except ArtifactError:  # damaged, or of another file: it says nothing that a new one would not
                continue
            if found is None or found.model.source.model == asked.source.model:
                continue
            made_from = source_from(found.model.source, asked.output)
            if source_beside(made_from, asked.output).model != source_beside(asked.source, asked.output).model:
                raise UsageError(
                    f"{place} was made from another network, {made_from.model}, and would be replaced. Give this one a "
                    "name of its own with --name, or choose another folder with --output."
                )
