"""Formats: Network -> file. Each package or module here is one format; its ``FORMAT`` describes it.

``FORMAT`` imports nothing heavy: it names the converter, which runs in a process of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from ca_deploy.plugins import load, member, names_in, not_installed
from ca_deploy.progress import Step
from ca_deploy.records.conversion import Conversion, Converted
from ca_deploy.records.recipe import ExportRecipe, Io, LayerBits, Mode
from ca_deploy.records.samples import Samples
from ca_deploy.tasks import heads

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network
    from ca_deploy.records.manifest import Manifest

Model = TypeVar("Model")
Seen = TypeVar("Seen")
Ranges = TypeVar("Ranges")


class Converter(Protocol[Model, Seen, Ranges]):
    """Converts one network to files of one format; :func:`ca_deploy.pipeline.stages.carry_out` calls the stages.

    A converter is made once per network, in a process of its own, and converts for one recipe after the other, so it
    may cache what recipes share. It may be slow and print. Each method may raise ``ModelError`` for a network that the
    format cannot represent, and ``RecipeError`` or ``UsageError`` for a request that it does not support.
    """

    def __init__(self, network: "Network") -> None: ...

    def convert(self, conversion: Conversion, step: Step) -> Model:
        """The network in this format, in float; also writes ``conversion.float32_path``, unless the recipe is float32.

        ``step`` is called with the progress in a few words.
        """
        ...

    def calibrate(self, model: Model, samples: Samples, recipe: ExportRecipe) -> Seen:
        """Run the float model on the samples; returns statistics of its activations."""
        ...

    def ranges(self, model: Model, seen: Seen, recipe: ExportRecipe) -> Ranges:
        """The quantisation range of each activation, by the recipe's method."""
        ...

    def apply(self, model: Model, recipe: ExportRecipe, seen: Seen | None, ranges: Ranges | None, step: Step) -> Model:
        """The model with its weights, and its activations if ``ranges`` are given, converted as the recipe says."""
        ...

    def write(self, model: Model, conversion: Conversion) -> Converted:
        """Write ``conversion.path``; returns a description of the file."""
        ...


@dataclass(frozen=True, slots=True)
class Bits:
    """The bits that a mode allows; empty where the mode stays float."""

    weights: tuple[int, ...] = ()
    activations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """A required key in recipes of one format, with its valid values; ``why`` is a clause for error messages."""

    values: tuple[int | str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a format beside the network: its recipes, and the samples per inference."""

    recipes: tuple[ExportRecipe, ...]
    batch: int = 1


def _nothing_more(recipe: ExportRecipe) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Format:
    """One file format.

    ``converter`` and ``snippets`` are ``module:name``, imported where they are used: a :class:`Converter`, and a
    function that maps a manifest to code that runs the file, by the code's suffix (``.py``, ``.kt``). ``layer_bits``
    maps each value of ``activation_bits`` in a ``[[layer]]`` to the reason why it is refused, or to "". ``complaints``
    returns the errors in a recipe other than in modes, bits and options, as ``key: sentence``. ``limits`` is
    ``module:name`` of a function from a network and what is :class:`Wanted` of it to the reasons why it cannot have
    this format, each a clause and a remedy; "" if nothing is known before conversion. ``dynamic_batch``: the
    batch dimension of its files can be dynamic; ``dynamic_size``: so can height and width of an image;
    ``enumerated_sizes``: an image can have one of several sizes. ``unrounded`` is ``module:name`` of the
    :class:`ca_deploy.records.counterpart.Opener` of its integer files, or "" where there is none. ``finishes``: the
    heads (``detection/nms``) that its converter adds with operators of its own. ``unfinished`` is ``module:name`` of a
    function that writes such a file without them to a folder, given both paths and the names of the network's own
    outputs; it returns the path.
    """

    name: str
    suffix: str
    description: str
    converter: str
    snippets: str
    packages: tuple[str, ...]
    modes: Mapping[Mode, Bits]
    io: tuple[Io, ...] = ("float32",)
    options: Mapping[str, Option] = field(default_factory=dict)
    layer_bits: Mapping[LayerBits, str] = field(default_factory=dict)
    complaints: Callable[[ExportRecipe], Iterable[str]] = _nothing_more
    limits: str = ""
    dynamic_batch: bool = False
    dynamic_size: bool = False
    enumerated_sizes: bool = False
    unrounded: str = ""
    finishes: tuple[str, ...] = ()
    unfinished: str = ""

    def __hash__(self) -> int:
        return hash(self.name)

    def missing_packages(self) -> list[str]:
        """The required packages that are not installed."""
        return not_installed(self.packages)

    def contradictions(self, recipe: ExportRecipe) -> Iterator[str]:
        """What this format does not support in a recipe, as ``key: sentence``."""
        if recipe.mode not in self.modes:
            yield f"mode: format = {self.name!r} has no {recipe.mode!r}. One of: {', '.join(self.modes)}."
        else:
            bits = self.modes[recipe.mode]
            yield from self._bits("weight_bits", "weights", recipe.mode, recipe.weight_bits, bits.weights)
            yield from self._bits(
                "activation_bits", "activations", recipe.mode, recipe.activation_bits, bits.activations
            )
        if recipe.io not in self.io:
            yield f"io: format = {self.name!r} has no {recipe.io!r}. One of: {', '.join(self.io)}."
        for key, option in self.options.items():
            if key not in recipe.options:
                yield f"{key}: missing; {option.why}."
        for key in sorted(recipe.options.keys() - self.options.keys()):
            yield f"{key}: format = {self.name!r} has none; remove the key."
        for number, override in enumerate(recipe.layer):
            reason = self.layer_bits.get(override.activation_bits, "it keeps all layers alike")
            if reason:
                wanted = override.activation_bits
                yield f"layer.{number}.activation_bits: format = {self.name!r} cannot have {wanted!r}: {reason}."
        yield from self.complaints(recipe)

    def _bits(self, key: str, what: str, mode: str, given: int | None, possible: tuple[int, ...]) -> Iterator[str]:
        if given is None:
            return
        if not possible:
            yield f"{key}: mode = {mode!r} leaves {what} float; remove the key."
        elif given not in possible:
            listed = ", ".join(map(str, possible))
            yield f"{key}: {given} is not possible with mode = {mode!r} and format = {self.name!r}. One of: {listed}."

    def reasons_against(self, network: "Network", wanted: Wanted) -> tuple[str, ...]:
        """Why a network cannot have this format, as far as that shows before conversion."""
        return tuple(load(self.limits)(network.converted, wanted)) if self.limits else ()

    def code_for(self, manifest: "Manifest") -> Mapping[str, str]:
        """Code that runs an exported file, by suffix.

        Raises:
            ArtifactError: the manifest has values that no code can be generated from.
        """
        code: Mapping[str, str] = load(self.snippets)(manifest.at_own_size)
        return code


def format_names() -> list[str]:
    return names_in(__path__)


def formats_with(head: str) -> list[str]:
    """The formats that can express a head, ``task/head``."""
    finished = heads()[head].finished
    return [name for name in format_names() if not finished or head in find_format(name).finishes]


def format_of(path: Path) -> Format | None:
    """The format whose files have the suffix of ``path``."""
    return next((found for found in map(find_format, format_names()) if found.suffix == path.suffix), None)


def find_format(name: str) -> Format:
    """The format of that name.

    Raises:
        UsageError: there is none; the message suggests the closest.
    """
    found: Format = member(__name__, "FORMAT", "format", name, "ca-deploy list formats")
    return found
