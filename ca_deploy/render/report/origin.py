"""Where files come from -> facts, and the commands that make them again."""

import shlex
from collections.abc import Iterator
from dataclasses import fields

from ca_deploy.data.shares import FEWEST_HELD_OUT
from ca_deploy.errors import listed, visible
from ca_deploy.graphs import DYNAMIC
from ca_deploy.lowering.rules import DEFAULT, rules_for
from ca_deploy.recipes import load_recipe, recipe_names
from ca_deploy.records.image_sizes import size_text
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.model import ModelSource
from ca_deploy.records.recipe import ExportRecipe
from ca_deploy.render.blocks import Facts, Line
from ca_deploy.render.report.figures import Code, Details, Part
from ca_deploy.reporting import Report
from ca_deploy.reporting.found import Shipped

_FLAGS = {"evaluation_mode": "--eval", "inputs": "--input"}


def origin(report: Report, numbers: dict[str, int]) -> Iterator[Part]:
    """Of each file what it was made from, and how; of each measurement its command."""
    found = report.collection
    yield Line(
        "Commands of exports are rebuilt, and run in the folder of their manifest; all others in the folder where they "
        "were typed. A TOML file of a recipe or of choices for attention is named as they are: name the file.",
        wrap=True,
    )
    sources = [file.manifest.model.source for file in found.files]
    if factories := sorted({one.model for one in sources if ":" in one.model and not one.is_program}):
        yield Line(f"Put the folder of the code of {listed(factories)} on PYTHONPATH.", wrap=True)
    for file in found.files:
        parts: tuple[Part, ...] = (Facts("", tuple(_facts(file))), Code((export_command(file.manifest),)))
        number = numbers[file.label]
        yield Details(f"{number}. {file.label}", parts, f"file-{number}")
    accuracies = [*(one for file in found.files for one in file.accuracies), *found.references]
    this = ("ca-deploy", "report", *map(str, found.folders), "--within", f"{report.choices[0].within:.15g}")
    for title, commands in (
        ("Sweeps", found.sweeps),
        ("Accuracy", [one.command_line for one in accuracies]),
        ("Speed", [one.command_line for one in found.reports]),
        ("This report", [this]),
    ):
        if lines := dict.fromkeys(shlex.join(command) for command in commands if command):
            yield Details(title, (Code(tuple(lines)),))


def _facts(file: Shipped) -> Iterator[tuple[str, str]]:
    found = file.manifest
    source = found.model.source
    yield "network", f"{found.model.name} ({source.model}), {found.model.parameters:,} parameters"
    yield "weights", _weights(found)
    yield "recipe", f"{found.recipe.name}: {found.recipe.description}"
    if found.calibration is not None:
        yield (
            "calibrated on",
            f"{found.calibration.images} images of {found.calibration.name} ({found.calibration.domain})",
        )
    if found.images is not None:
        yield (
            "compared on",
            f"{len(found.images.held_out)} images of {found.images.label}, whose sha256 the manifest has",
        )
    yield "task", " ".join((found.task or "not known", f"({found.task_reason})" if found.task_reason else ""))
    for side, specs in (("takes", found.inputs), ("gives", found.outputs)):
        yield side, ", ".join(f"{one.name} {'x'.join(map(str, one.shape))} {one.dtype}" for one in specs)
    yield "tools", ", ".join(f"{name} {version}" for name, version in found.tools.items())
    yield "made by", f"ca-deploy {found.ca_deploy_version}"
    yield "sha256", f"{found.sha256}{'' if file.present else ' (the file itself is not here)'}"
    for name, said in (("assumed", found.assumptions), ("note", found.warnings), ("accelerated", found.acceleration)):
        for one in said:
            yield name, one


def _weights(found: Manifest) -> str:
    if not found.model.trained:
        return "random"
    given = found.model.source.weights or found.model.source.backbone_weights
    digest = f", sha256 {found.model.checkpoint_sha256}" if found.model.checkpoint_sha256 else ""
    return f"{given if given is not None else 'those of the network'}{digest}"


def export_command(found: Manifest) -> str:
    """The command that makes a file again, for a POSIX shell."""
    words = ["ca-deploy", "export", found.model.source.model, *_options(found.model.source)]
    words += ["--recipe", _recipe(found.recipe), *_images(found), *_dimensions(found)]
    usual = rules_for(DEFAULT, found.format, found.recipe.arithmetic).name
    words += ["--lowering", found.lowering.rules] if found.lowering.rules != usual else []
    words += [word for one in found.compatibility for word in ("--check", one.target)]
    return visible(" ".join(map(shlex.quote, [*words, "--output", "."])))


def _recipe(recipe: ExportRecipe) -> str:
    """Its name; of one that is not this ca-deploy's own, a file of that name, so that no other is taken for it."""
    is_shipped = recipe.name in recipe_names() and load_recipe(recipe.name) == recipe
    return recipe.name if is_shipped else f"{recipe.name}.toml"


def _images(found: Manifest) -> Iterator[str]:
    if found.images is not None and found.images.place is not None:
        yield from ("--calibration", str(found.images.place))
    elif found.images is not None and found.images.source is not None:
        yield from ("--calibration", found.images.name)
    elif found.calibration is not None:
        yield from ("--calibration", found.calibration.name)
    if found.calibration is not None:
        yield from ("--calibration-count", str(found.calibration.images))
    if found.images is not None and len(found.images.held_out) >= FEWEST_HELD_OUT:
        yield from ("--held-out", str(len(found.images.held_out)))


def _dimensions(found: Manifest) -> Iterator[str]:
    batch = next((spec.shape[0] for spec in found.inputs[:1] if spec.shape), 1)
    if batch != 1:
        yield from ("--dynamic-batch",) if batch == DYNAMIC else ("--batch", str(batch))
    if found.image_sizes is not None and found.image_sizes.enumerated:
        yield from ("--sizes", ",".join(map(size_text, found.image_sizes.enumerated[1:])))
    elif found.image_sizes is not None:
        yield "--dynamic-size"


def _options(source: ModelSource) -> Iterator[str]:
    for name, default in ((one.name, getattr(ModelSource(source.model), one.name)) for one in fields(source)):
        value = getattr(source, name)
        if name == "model" or value == default:
            continue
        flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
        if name == "inputs":
            for wish in source.inputs:
                yield from (flag, wish.text)
        elif value is True:
            yield flag
        elif name in ("input_size", "crop") and isinstance(value, tuple):
            yield from (flag, "x".join(map(str, value)))
        elif isinstance(value, tuple):
            yield from (flag, *map(str, value))
        else:
            yield from (flag, str(value))
