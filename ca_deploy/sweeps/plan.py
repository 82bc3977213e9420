"""SWEEP.toml -> what there is to make: conversions, measurements and evaluations. All that is wrong is said at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, ParamSpec, TypeVar

from ca_deploy.data.calibration import load_spec
from ca_deploy.devices import Device, canonical_name, open_device
from ca_deploy.errors import CaDeployError, DeviceError, UsageError, visible
from ca_deploy.files import file_stem
from ca_deploy.formats import Format, find_format
from ca_deploy.latency.jobs import Wishes
from ca_deploy.latency.profile import refuse_for
from ca_deploy.latency.session import wishes
from ca_deploy.lowering.rules import rules_for
from ca_deploy.pipeline.request import ExportRequest, requested
from ca_deploy.recipes import load_recipe
from ca_deploy.records.model import ModelSource
from ca_deploy.records.recipe import ExportRecipe
from ca_deploy.records.sweep import ProfileOptions, SweepSpec
from ca_deploy.sweeps.spec import NAMING, NOTHING, Complaint, read_spec
from ca_deploy.targets import find_target

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Plan:
    """Conversions, each with the recipes of one format, and what is done with every file of them."""

    conversions: tuple[ExportRequest, ...]
    devices: tuple[str, ...]
    data: Path | None
    wishes: Wishes

    @property
    def files(self) -> dict[str, tuple[ExportRequest, ExportRecipe]]:
        """The names of all files, and what makes them."""
        return {file: (one, recipe) for one in self.conversions for file, recipe in files_of(one).items()}


def files_of(conversion: ExportRequest) -> dict[str, ExportRecipe]:
    """The names of a conversion's files in order."""
    return {
        f"{conversion.source.stem}.{recipe.name}{format.suffix}": recipe
        for format, recipes in conversion.formats().items()
        for recipe in recipes
    }


def report_name(file: str, on: str, kind: Literal["latency", "accuracy"]) -> str:
    """The name of a report on a file, of a device or of labelled photos."""
    return f"{file}.{file_stem(on)}.{kind}.json"


def planned(
    path: Path,
    output: Path,
    source_checks: Callable[[ModelSource], Iterable[Callable[[], object]]],
    check_calibration: Callable[[str], None],
    check_data: Callable[[Path], None],
    elsewhere: bool = False,
) -> Plan:
    """Read a SWEEP.toml, and check everything in it that needs no conversion.

    ``elsewhere``: devices are used by workers on other machines, so that this one need not be able to.
    The checks are those of one model, of one calibration set and the labelled photos; they raise a ``CaDeployError``.

    Raises:
        UsageError: lists all errors.
    """
    spec, complaints = read_spec(path)
    plan = None
    if spec is not None:
        known = {where for where, _ in complaints}
        checks = _Checks(spec, output)
        devices = [
            checks.attempt(f"devices.{number}", _known_device if elsewhere else open_device, device)
            for number, device in enumerate(spec.devices)
        ]
        for number, source in enumerate(spec.model):
            for check in source_checks(source):
                checks.attempt(f"model.{number}", check)
        for number, name in enumerate(spec.calibration):
            checks.attempt(f"calibration.{number}", check_calibration, name)
        if spec.evaluate is not None:
            checks.attempt("evaluate.data", check_data, spec.evaluate.data)
        plan = checks.plan(devices)
        complaints += [one for one in checks.complaints if not _is_known(one[0], known)]
    if plan is None or complaints:
        lines = (f"  {visible(where)}: {' '.join(said.split())}" for where, said in complaints)
        raise UsageError(f"Sweep {path} has {len(complaints)} error(s):", *lines)
    return plan


def _is_known(where: str, known: set[str]) -> bool:
    """Whether a place, or all around it, was complained of: what replaced it there is not the user's."""
    return any(f"{where}.".startswith(f"{place}.") or place in [f"{where}.{key}" for key in NAMING] for place in known)


class _Checks:
    """Collects what is wrong, and makes the plan of what is not."""

    def __init__(self, spec: SweepSpec, output: Path) -> None:
        self.complaints: list[Complaint] = []
        self._spec, self._output = spec, output

    def attempt(self, where: str, check: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
        """The result of a check, or None where it complains."""
        try:
            return check(*args, **kwargs)
        except CaDeployError as error:
            if (where, str(error)) not in self.complaints:
                self.complaints.append((where, str(error)))
            return None

    def plan(self, devices: Sequence[Device | None]) -> Plan | None:
        spec = self._spec
        recipes = [self.attempt(f"recipes.{number}", load_recipe, name) for number, name in enumerate(spec.recipes)]
        sets = [self.attempt(f"calibration.{number}", _set_name, name) for number, name in enumerate(spec.calibration)]
        formats = [find_format(one.format) for one in recipes if one] if all(recipes) else []
        for number, name in enumerate(spec.export.check):
            self.attempt(f"export.check.{number}", _refuse_target, name, formats)
        wanted = self._wishes()
        for number, device in enumerate(devices):
            if device is not None and wanted is not None:
                self.attempt(f"devices.{number}", refuse_for, device, wanted)
        if spec.profile != ProfileOptions() and not spec.devices:
            self.complaints.append(("profile", "no device is to measure. Name `devices`, or remove the table."))
        self._refuse_copies("profile.threads", list(map(str, spec.profile.threads)), "Name each number once.")
        self._refuse_copies(
            "model", [one.stem for one in spec.model if one.model != NOTHING], "Give each model a `name` of its own."
        )
        self._refuse_copies("recipes", [one.name for one in recipes if one], "Name each recipe once.")
        self._refuse_copies(
            "calibration", [name for name in sets if name], "Give each set's folder or file its own name."
        )
        named = [(number, name) for number, name in enumerate(spec.devices) if name != NOTHING]
        places = [self.attempt(f"devices.{number}", canonical_name, name) for number, name in named]
        self._refuse_copies("devices", [place for place in places if place], "Name each device once.")
        devices_apart = dict(zip(places, (name for _, name in named), strict=True)).values()
        self._refuse_copies("devices", [file_stem(name) for name in devices_apart], "Name each device once.")
        wrong = {where for where, _ in self.complaints}
        known = [(name, recipe) for name, recipe in zip(spec.recipes, recipes, strict=True) if recipe]
        usable = [
            (place, label)
            for number, (place, label) in enumerate(zip(spec.calibration, sets, strict=True))
            if f"calibration.{number}" not in wrong
        ]
        conversions = [*self._conversions(known, usable or [(None, None)])] if self._fits_options(known) else []
        if self.complaints or wanted is None:
            return None
        self._refuse_copies(
            "model", [file for one in conversions for file in files_of(one)], "Give one of the models another `name`."
        )
        data = spec.evaluate.data if spec.evaluate else None
        return None if self.complaints else Plan(tuple(conversions), spec.devices, data, wanted)

    def _fits_options(self, recipes: Sequence[tuple[str, ExportRecipe]]) -> bool:
        """Whether any model could be exported with these options, so that what is wrong for all is said once."""
        options = self._spec.export
        for _, recipe in recipes:
            self.attempt("export.lowering", rules_for, options.lowering, recipe.format, recipe.arithmetic)
        any_model = ModelSource(name=NOTHING)
        for name, _ in recipes:
            self.attempt("export", requested, any_model, [name], self._output, held_out=options.held_out)
        return not any(where.startswith("export.") or where == "export" for where, _ in self.complaints)

    def _conversions(
        self, recipes: Sequence[tuple[str, ExportRecipe]], sets: Sequence[tuple[str | None, str | None]]
    ) -> Iterator[ExportRequest]:
        """Recipes of a format together. What needs no calibration is made once, and verified on the first set."""
        for number, source in enumerate(self._spec.model):
            for turn, (place, label) in enumerate(sets):
                named = replace(source, name=f"{source.stem}-{label}") if label else source
                for format in dict.fromkeys(recipe.format for _, recipe in recipes):
                    own = [
                        name
                        for name, recipe in recipes
                        if recipe.format == format and (recipe.needs_calibration or not turn)
                    ]
                    made = self.attempt(f"model.{number}", self._request, named, own, place, format) if own else None
                    if made is not None:
                        yield made

    def _request(self, source: ModelSource, recipes: list[str], calibration: str | None, format: str) -> ExportRequest:
        options = self._spec.export
        suffix = find_format(format).suffix
        return requested(
            source,
            recipes,
            self._output,
            calibration=calibration,
            calibration_count=options.calibration_count,
            held_out=options.held_out,
            batch=options.batch,
            targets=[name for name in options.check if suffix in find_target(name)[0].suffixes],
            lowering=options.lowering,
        )

    def _wishes(self) -> Wishes | None:
        options = self._spec.profile
        threads = ",".join(map(str, options.threads))
        wished = partial(wishes, threads=threads, protocol=options.protocol, operators=options.operators)
        found = self.attempt("profile.protocol", wished)
        if found is None or options.minutes is None:
            return found
        return self.attempt("profile.minutes", wished, minutes=options.minutes)

    def _refuse_copies(self, where: str, names: list[str], remedy: str) -> None:
        """Names that differ only in case would be one file on many systems."""
        alike: dict[str, list[str]] = {}
        for name in names:
            alike.setdefault(name.casefold(), []).append(name)
        if twice := [" and ".join(dict.fromkeys(several)) for several in alike.values() if len(several) > 1]:
            self.complaints.append((where, f"two are called {'; '.join(twice)}. {remedy}"))


def _known_device(name: str) -> Device | None:
    """What it takes to use it, such as adb, may be there only where it hangs."""
    with suppress(DeviceError):
        return open_device(name)
    return None


def _refuse_target(name: str, formats: Sequence[Format]) -> None:
    """
    Raises:
        UsageError: there is no such target, or it checks no file of these formats, where they are known.
    """
    target, _ = find_target(name)
    if formats and all(format.suffix not in target.suffixes for format in formats):
        raise UsageError(f"Target {target.name} checks {', '.join(target.suffixes)} files, and no recipe makes one.")


def _set_name(name: str) -> str:
    return file_stem(load_spec(name).name)
