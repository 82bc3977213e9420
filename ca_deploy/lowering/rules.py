"""Which choice a block gets: rules for a format and its modes, taken from measurements (``rules.toml``)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ca_deploy.errors import UsageError, unknown_name
from ca_deploy.records.codec import Unreadable, decode, parse_toml
from ca_deploy.records.lowering import Choice, Padding
from ca_deploy.records.recipe import Arithmetic
from ca_deploy.records.record import record

if TYPE_CHECKING:
    from ca_deploy.lowering.gates.block import Block

DEFAULT, REFERENCE = "default", "reference"
_SHIPPED = Path(__file__).with_name("rules.toml")


@record
class Rule(Choice):
    """A choice for maps whose shorter side has ``from_px`` or more.

    ``gates``: ``axes`` for blocks with a gate per row or column, ``map`` for those with gates per whole map alone.
    ``instructions`` are what attention takes per element of its map when it is written so, and ``as_written`` what it
    takes as the network has it; None where that was not counted.
    """

    from_px: Annotated[int, Field(ge=0)] = 0
    gates: Literal["any", "axes", "map"] = "any"
    instructions: float | None = None
    as_written: float | None = None

    @property
    def choice(self) -> Choice:
        return Choice(**{one.name: getattr(self, one.name) for one in fields(Choice)})

    def fits(self, block: "Block") -> bool:
        """Whether a block can be written so."""
        in_layout = self.layout != "channels_last" or block.fits_channels_last
        kind = "map" if all(gate.extent == "map" for gate in block.gates) else "axes"
        return in_layout and self.gates in ("any", kind) and min(block.size[2:]) >= self.from_px

    def saves(self, size: Sequence[int]) -> int | None:
        """Instructions per inference that a block with a map of ``size (N, C, H, W)`` takes less than as written, from
        what was counted on such maps."""
        if self.instructions is None or self.as_written is None:
            return None
        return round((self.as_written - self.instructions) * math.prod(size))


@record
class Rules:
    """``choices`` for the files of a format and some of its modes; the first that fits a block is taken.

    The mode ``afp16`` is that of float files which are computed in float16.
    ``runtime``, with its version, and ``cpu`` are what they were counted on; "" where they were not. ``padding`` is
    that of the whole file: ``flat`` pads rows as a whole (:mod:`ca_deploy.formats.tflite.flat_padding`).
    """

    name: str
    format: str
    modes: tuple[Arithmetic, ...]
    choices: tuple[Rule, ...]
    runtime: str = ""
    cpu: str = ""
    padding: Padding = "as_written"

    @property
    def measured(self) -> str:
        return f"counted on {self.runtime}, {self.cpu}" if self.runtime and self.cpu else "not measured"

    @property
    def forms(self) -> tuple[object, ...]:
        """What of the choices decides how a network is written, without what was counted of them."""
        return tuple((rule.from_px, rule.gates, rule.choice) for rule in self.choices)

    def choose(self, block: "Block") -> Rule:
        return next((rule for rule in self.choices if rule.fits(block)), Rule())


@record
class _File:
    rules: tuple[Rules, ...]


AS_THEY_ARE = Rules(REFERENCE, "", (), ())  # no choices, for any file


@cache
def shipped() -> Mapping[str, Rules]:
    """The rules that come with ca-deploy, by name."""
    return {rules.name: rules for rules in decode(_File, parse_toml(_SHIPPED)).rules}


def rules_for(wanted: str, format: str, mode: Arithmetic) -> Rules:
    """``--lowering`` for a file.

    Args:
        wanted: ``default``, ``reference``, a name of ``rules.toml``, a TOML file like it, or ``key=value,…`` of
            :class:`ca_deploy.records.lowering.Choice`.

    Raises:
        UsageError: there is no such rule, key or value; or the TOML file is malformed or has none for the file.
    """
    if wanted == REFERENCE:
        return AS_THEY_ARE
    if wanted == DEFAULT:
        return _first(shipped(), format, mode) or AS_THEY_ARE
    if "=" in wanted:
        return _typed(wanted, format, mode)
    if wanted.endswith(".toml"):
        own = _read(Path(wanted))
        found = _first({rules.name: rules for rules in own.rules}, format, mode)
        if found is None:
            raise UsageError(f"{wanted} has no rules for format {format!r} and mode {mode!r}: add [[rules]] for them.")
        _refuse_another_runtime(wanted, found)
        return found
    if wanted not in shipped():
        raise unknown_name("lowering", wanted, [DEFAULT, REFERENCE, *shipped()])
    return shipped()[wanted]


def _first(known: Mapping[str, Rules], format: str, mode: Arithmetic) -> Rules | None:
    return next((rules for rules in known.values() if rules.format == format and mode in rules.modes), None)


def _refuse_another_runtime(path: str, own: Rules) -> None:
    """The winner changes with the version, and the gain would be promised for another one."""
    counted = dict.fromkeys(rules.runtime for rules in shipped().values() if rules.format == own.format)
    if own.runtime and own.runtime not in counted:
        raise UsageError(
            f"{path}: {own.name!r} was counted on {own.runtime}, and files are measured here with "
            f"{' and '.join(filter(None, counted)) or 'no runtime'}. Count again (benchmarks/lowering.py blocks), or "
            "remove its runtime to use the choices all the same."
        )


def _typed(text: str, format: str, mode: Arithmetic) -> Rules:
    """The rules that ``key=value,…`` says."""
    given: dict[str, object] = {}
    for pair in text.split(","):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or key in given:
            raise UsageError(f"--lowering {text!r}: {pair!r} is not key=value, or comes twice.")
        given[key] = int(value) if key == "from_px" and value.isdecimal() else value
    whole = {"padding": given.pop("padding")} if "padding" in given else {}
    about = {"name": text, "format": format, "modes": [mode], "choices": [given]}
    try:
        return decode(Rules, {**about, **whole})
    except Unreadable as error:
        known = ", ".join(sorted({one.name for one in fields(Rule)} | {"padding"}))
        raise UsageError(f"--lowering {text!r}:", *error.listed, f"Its keys are {known}.") from error


def _read(path: Path) -> _File:
    try:
        return decode(_File, parse_toml(path))
    except Unreadable as error:
        raise UsageError(*error.about(f"--lowering {path}")) from error
