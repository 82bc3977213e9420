"""Check a network before it is exported: export it to a temporary folder, and check the files."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ca_deploy.compat.check import check
from ca_deploy.data.calibration import load_calibration
from ca_deploy.delivery.scratch import temporary
from ca_deploy.errors import RuntimeUnavailable, UsageError
from ca_deploy.formats import find_format, format_names
from ca_deploy.networks.program import save_program
from ca_deploy.networks.source import Network, load
from ca_deploy.pipeline.request import refuse_head
from ca_deploy.pipeline.worker import Worker
from ca_deploy.progress import NamedStep
from ca_deploy.recipes import load_recipe, recipe_names
from ca_deploy.records.calibration import CalibrationSpec
from ca_deploy.records.compat import CompatReport
from ca_deploy.records.conversion import Conversion
from ca_deploy.records.model import ModelSource
from ca_deploy.targets import find_target, in_order, target_names

_PROGRAM = ".pt2"
# Operators do not depend on the ranges that calibration finds.
_NOISE = CalibrationSpec("noise", "a few random inputs", "random", "random", count=4, held_out=1)


def check_before_export(
    source: ModelSource,
    targets: Sequence[str],
    mode: str,
    step: NamedStep,
) -> list[CompatReport]:
    """Where each target would run the nodes of a network, trained or not.

    Args:
        source: the network; without weights it gets random ones, because operators do not depend on them.
        targets: as in :func:`ca_deploy.compat.check.check`; by default all whose files can be made here.
        mode: a recipe's name without the format: ``"float32"``, ``"float16"``, ``"static_wi8_ai8"``.
        step: called with the recipe or the target, and its progress.

    Raises:
        CaDeployError: see :func:`~ca_deploy.compat.check.check`, :func:`~ca_deploy.networks.source.load`.
    """
    makers = {find_format(name).suffix: f"{name}_{mode}" for name in format_names()}
    makers = {suffix: recipe for suffix, recipe in makers.items() if recipe in recipe_names()}
    wanted: dict[str, list[str]] = {}
    names = list(targets) or in_order(target_names())
    for name in names:
        suffixes = find_target(name)[0].suffixes
        possible = [suffix for suffix in suffixes if suffix in makers or (suffix == _PROGRAM and mode == "float32")]
        if possible:
            wanted.setdefault(possible[0], []).append(name)
        elif targets:
            raise UsageError(
                f"Target {name} checks {', '.join(suffixes)} files, and no {mode} recipe writes such a file."
            )
    if not source.names_weights and not source.is_program:
        source = replace(source, random_weights=True)
    step("", "loading the network")
    network = load(source)
    refuse_head(network, [find_format(name) for name in format_names() if find_format(name).suffix in wanted])
    with temporary() as folder:
        reports = []
        for suffix, asked in wanted.items():
            path = folder / f"{network.name}{suffix}"
            if suffix == _PROGRAM:
                save_program(network, folder, source)
            else:
                _export(source, network, makers[suffix], path, step)
            reports += check(path, asked, step)
    return sorted(reports, key=lambda report: names.index(report.target))


def _export(source: ModelSource, network: Network, recipe_name: str, path: Path, step: NamedStep) -> None:
    recipe = load_recipe(recipe_name)
    format = find_format(recipe.format)
    if missing := format.missing_packages():
        raise RuntimeUnavailable(f"Recipe {recipe_name} needs {', '.join(missing)}, which is not installed.")
    noise = load_calibration(_NOISE, network.signature).calibration if recipe.needs_calibration else None
    conversion = Conversion(source, recipe, noise, path, log=None)
    with Worker(format, conversion.printed, path.parent) as worker:
        worker.convert(conversion, partial(step, recipe_name))
