"""Names for the shell's completion, from file names alone: nothing is imported that takes time."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from ca_deploy.plugins import names_in
from ca_deploy.shipped import data_files

Complete = Callable[[str], list[str]]


def _plug_ins(folder: str) -> Complete:
    def complete(incomplete: str) -> list[str]:
        found = find_spec(f"ca_deploy.{folder}")
        names = names_in(found.submodule_search_locations or ()) if found else []
        return _starting(incomplete, names)

    return complete


def _shipped(folder: str) -> Complete:
    return lambda incomplete: _starting(incomplete, [path.stem for path in data_files(folder, ".toml")])


def _starting(incomplete: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def models(incomplete: str) -> list[str]:
    """Networks that have a name."""
    registry = Path(__file__).parents[1] / "models"
    return _starting(incomplete, sorted(path.stem for path in registry.glob("*.toml")))


def devices(incomplete: str) -> list[str]:
    """This machine, the kinds of device, and the emulated processors. Looking for phones would take time."""
    return _starting(incomplete, list(_device_names()))


def _device_names() -> Iterator[str]:
    from ca_deploy.native.emulator import PROCESSORS

    for kind in _plug_ins("devices")(""):
        match kind:
            case "emulated":
                yield from (f"{kind}:{name}" for name in PROCESSORS)
            case "ssh":
                yield "ssh://"
            case _:
                yield kind


def lowerings(incomplete: str) -> list[str]:
    """Rules for how attention is written, and the two words for them."""
    from ca_deploy.lowering.rules import DEFAULT, REFERENCE, shipped

    return _starting(incomplete, [DEFAULT, REFERENCE, *shipped()])


def heads(incomplete: str) -> list[str]:
    """What networks can be wrapped in, of any task."""
    from ca_deploy.tasks import heads

    return _starting(incomplete, sorted({name.partition("/")[2] for name in heads()}))


formats = _plug_ins("formats")
runtimes = _plug_ins("runtimes")
targets = _plug_ins("targets")
tasks = _plug_ins("tasks")
recipes = _shipped("export_recipes")
calibrations = _shipped("calibration")
