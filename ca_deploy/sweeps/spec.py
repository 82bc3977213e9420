"""SWEEP.toml -> its content, as far as it is valid, and what is wrong in it."""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ca_deploy.errors import UsageError
from ca_deploy.records.codec import Unreadable, decode, parse_toml
from ca_deploy.records.faults import Fault
from ca_deploy.records.places import place_from, source_from
from ca_deploy.records.sweep import SweepSpec

Complaint = tuple[str, str]  # where in the file, and what is wrong there
NOTHING = "-"  # stands where something is wrong, while the rest is checked
NAMING = ("model", "name")  # a model without them would be another one


def read_spec(path: Path) -> tuple[SweepSpec | None, list[Complaint]]:
    """The content of a SWEEP.toml, as far as it is valid, with paths as seen from here, and what is wrong.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        content = parse_toml(path)
    except Unreadable as error:
        raise UsageError(*error.about(f"Sweep {path}")) from error
    complaints: list[Complaint] = []
    while True:
        try:
            return _from_here(_decoded(content), path.parent), complaints
        except Unreadable as error:
            complaints = complaints or [(".".join(map(str, fault.location)), fault.text) for fault in error.faults]
            sound = _sound(content, [fault.location for fault in error.faults])
        if sound == content:
            return None, complaints
        content = sound  # what else there is to say, of that which is valid


def _decoded(content: dict[str, Any]) -> SweepSpec:
    """Without names that no file or module can have.

    Raises:
        Unreadable: lists all errors.
    """
    faults = [Fault(place, "has a NUL character, which no name or path has.") for place in _nuls(content, ())]
    try:
        spec = decode(SweepSpec, content)
    except Unreadable as error:
        raise Unreadable([*faults, *error.faults]) from error
    if faults:
        raise Unreadable(faults)
    return spec


def _nuls(value: object, place: tuple[int | str, ...]) -> Iterator[tuple[int | str, ...]]:
    """Where texts have a NUL."""
    if isinstance(value, str) and "\0" in value:
        yield place
    elif isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _nuls(inner, (*place, key))


def _sound(content: dict[str, Any], faults: Iterable[tuple[int | str, ...]]) -> dict[str, Any]:
    """A copy without what is faulty."""
    sound = copy.deepcopy(content)
    for top, *inner in filter(None, faults):
        match sound.get(str(top)), inner:
            case list(listed), [int(number), *deeper] if number < len(listed):
                if isinstance(listed[number], dict) and deeper and deeper[0] not in NAMING:
                    listed[number].pop(deeper[0], None)
                else:
                    listed[number] = {"model": NOTHING} if top == "model" else NOTHING
            case dict(table), [str(key), *_] if key in content[str(top)]:
                table.pop(key, None)
            case _:
                sound.pop(str(top), None)
    return {"recipes": [NOTHING], "model": [{"model": NOTHING}], **sound}


def _from_here(spec: SweepSpec, folder: Path) -> SweepSpec:
    """The same with absolute paths; names of what is shipped stay as they are."""

    def named(name: str) -> str:
        place = place_from(Path(name), folder)
        return str(place) if "/" in name or Path(name).suffix or place.is_dir() else name

    lowering = spec.export.lowering
    return replace(
        spec,
        model=tuple(source_from(source, folder) for source in spec.model),
        recipes=tuple(map(named, spec.recipes)),
        calibration=tuple(map(named, spec.calibration)),
        export=replace(spec.export, lowering=named(lowering) if lowering.endswith(".toml") else lowering),
        evaluate=spec.evaluate and replace(spec.evaluate, data=place_from(spec.evaluate.data, folder)),
    )
