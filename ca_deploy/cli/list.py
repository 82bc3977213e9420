"""``ca-deploy list``"""

import typer

from ca_deploy.cli import _options as options
from ca_deploy.cli._command import command, print_json, progress
from ca_deploy.cli._examples import examples

app = typer.Typer(
    help="The available models, formats, recipes, calibration sets, tasks, runtimes, targets and devices.",
    no_args_is_help=True,
)


def _show(title: str, rows: dict[str, str], json: bool) -> None:
    from ca_deploy.render import terminal as render
    from ca_deploy.render.names import page

    if json:
        print_json(rows)
    else:
        render.show(page(title, rows))


@command
def models(json: options.Json = False) -> None:
    """Networks that have a name, with their parameters and multiply-adds beside those that the paper prints."""
    from functools import partial

    from ca_deploy.networks.cost import costs
    from ca_deploy.render import terminal as render
    from ca_deploy.render.models import page

    with progress() as display:
        found = costs(partial(display.step, ""))
    if json:
        print_json(found)
    else:
        render.show(page(found))


@command
def formats(json: options.Json = False) -> None:
    """File formats, with the packages that are not installed."""
    from ca_deploy.formats import find_format, format_names

    rows = {}
    for name in format_names():
        found = find_format(name)
        missing = found.missing_packages()
        rows[name] = found.description + (f" (not installed here: {', '.join(missing)})" if missing else "")
    _show("Formats", rows, json)


@command
def recipes(json: options.Json = False) -> None:
    """Export recipes."""
    from ca_deploy.recipes import load_recipe, recipe_names

    _show("Recipes", {name: load_recipe(name).description for name in recipe_names()}, json)


@command
def calibrations(json: options.Json = False) -> None:
    """Calibration sets that ship with ca-deploy; a folder of your own photos is better than any of them."""
    from ca_deploy.data.calibration import calibration_names, load_spec

    _show("Calibration sets", {name: load_spec(name).description for name in calibration_names()}, json)


@command
def lowerings(json: options.Json = False) -> None:
    """Rules for how attention is written, which `export` chooses by format and recipe."""
    from ca_deploy.lowering.rules import shipped

    rows = {name: f"{rules.format} ({', '.join(rules.modes)}): {rules.measured}" for name, rules in shipped().items()}
    _show("Lowerings", rows, json)


@command
def tasks(json: options.Json = False) -> None:
    """Tasks: meanings of a network's output."""
    from ca_deploy.tasks import find_task, task_names

    _show("Tasks", {name: find_task(name).description for name in task_names()}, json)


@command
def heads(json: options.Json = False) -> None:
    """Heads of networks, task/head, with the formats that can express them."""
    from ca_deploy.formats import formats_with
    from ca_deploy.tasks import heads

    rows = {name: f"{head.description} ({', '.join(formats_with(name))})" for name, head in heads().items()}
    _show("Heads", rows, json)


@command
def runtimes(json: options.Json = False) -> None:
    """Runtimes that open files for `parity` and `evaluate`, with what is missing here."""
    from ca_deploy.runtimes import find_runtime, runtime_names

    rows = {}
    for name in runtime_names():
        found, _ = find_runtime(name)
        rows[name] = ", ".join(found.suffixes)
        if found.variants:
            rows[name] += f" (also {', '.join(f'{name}:{variant}' for variant in found.variants)})"
        if missing := found.missing_in_brief():
            rows[name] += f" ({missing})"
    _show("Runtimes", rows, json)


@command
def targets(json: options.Json = False) -> None:
    """Targets that `check` knows, with the packages that are not installed."""
    from ca_deploy.targets import find_target, target_names

    rows = {}
    for name in target_names():
        found, _ = find_target(name)
        missing = found.missing_packages()
        rows[name] = f"{', '.join(found.suffixes)}: {found.description}"
        rows[name] += f" (not installed here: {', '.join(missing)})" if missing else ""
    _show("Targets", rows, json)


@command
def devices(json: options.Json = False) -> None:
    """Devices within reach: this machine, phones, hosts of ~/.ssh/config, emulated processors."""
    from ca_deploy.devices import discover
    from ca_deploy.render import terminal as render
    from ca_deploy.render.devices import page

    found = discover()
    if json:
        print_json(found)
    else:
        render.show(page(found))


for _listing in (models, formats, recipes, calibrations, lowerings, tasks, heads, runtimes, targets, devices):
    _line = f"ca-deploy list {_listing.__name__}"
    app.command(epilog=examples(_line, f"{_line} --json"))(_listing)
