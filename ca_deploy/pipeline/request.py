"""The request of an ``export`` call, validated."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.errors import ArtifactError, RuntimeUnavailable, UsageError
from ca_deploy.formats import Format, find_format, format_names
from ca_deploy.networks.source import source_of_object
from ca_deploy.recipes import load_recipe
from ca_deploy.records.manifest import manifest_of
from ca_deploy.records.model import ModelSource
from ca_deploy.records.recipe import ExportRecipe
from ca_deploy.targets import find_target
from ca_deploy.tasks import find_task

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A model, the recipes to export it with, and options.

    ``calibration`` is the name of a set, a TOML path, or a folder of images; by default the model's own set.
    ``calibration_count`` is the number of calibration images; by default the set's own (200 for a folder). ``targets``
    check the files of their formats. ``zipped`` also packs a file that is a folder into a .zip. ``module`` is a network
    in memory, which ``source`` then describes.
    """

    source: ModelSource
    recipes: tuple[ExportRecipe, ...]
    output: Path
    calibration: str | None = None
    calibration_count: int | None = None
    dynamic_batch: bool = False
    targets: tuple[str, ...] = ()
    zipped: bool = False
    module: "nn.Module | None" = None

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
    dynamic_batch: bool = False,
    targets: Sequence[str] = (),
    zipped: bool = False,
    module: "nn.Module | None" = None,
) -> ExportRequest:
    """The request, after all checks that need no conversion. ``recipes`` are names or TOML paths.

    Raises:
        UsageError: there is no recipe, two would write the same file, a format cannot have a dynamic batch, a target
            checks none of the formats, or a name is unknown.
        RecipeError: a recipe is malformed.
        RuntimeUnavailable: a converter is not installed.
    """
    if module is not None:
        source = source_of_object(module, source)
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
        dynamic_batch=dynamic_batch,
        targets=tuple(targets),
        zipped=zipped,
        module=module,
    )
    formats = asked.formats()
    if dynamic_batch:
        _refuse_fixed_batches(formats)
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
    if source.task is not None:
        find_task(source.task)
    _refuse_other_models_files(asked)
    return asked


def _refuse_fixed_batches(formats: Iterable[Format]) -> None:
    fixed = [format.name for format in formats if not format.dynamic_batch]
    if fixed:
        able = [name for name in format_names() if find_format(name).dynamic_batch]
        raise UsageError(
            f"--dynamic-batch is not possible with --format {', '.join(fixed)}, whose files have fixed shapes. "
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
            if found is not None and found.model.source.model != asked.source.model:
                raise UsageError(
                    f"{place} was made from another network, {found.model.source.model}, and would be replaced. Give "
                    "this one a name of its own with --name, or choose another folder with --output."
                )
