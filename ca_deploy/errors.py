"""Every error that ca-deploy raises on purpose.

::

    CaDeployError               exit code 2 unless said otherwise
    ├── UsageError              options that contradict each other, or unknown names
    ├── ModelError              a model that cannot be found, imported, run or exported
    │   ├── CheckpointError     weights that cannot be read or do not fit
    │   └── ProgramError        a torch.export program that cannot be opened, or is refused; an ArtifactError too
    ├── RecipeError             a recipe file that is malformed or does not fit the request
    ├── ImageDataError          calibration or evaluation images that cannot be used
    ├── OutputError             results that cannot be written
    │   └── ReportNotSaved      a measurement is done, and its report or pictures cannot be written
    ├── ArtifactError           an exported file or manifest that cannot be opened
    ├── RuntimeUnavailable      a runtime that is not installed, or cannot run this file
    │   └── UnsupportedOperation    an operation of the file that the runtime does not know
    ├── ExportFailed            some recipes of an export failed; the files of the others are delivered (exit code 1)
    ├── WorkerError             a converter process that crashed, was killed, or failed
    └── DeviceError             a device that cannot be reached, was lost, is full, or cannot run the files

A message says what happened, where, why, and what to do about it. Only the command line turns an
error into an exit code.
"""

import difflib
import itertools
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

_SHOWN = 6
# Errors that are about the variables of a program, whatever they say.
_OF_A_PROGRAM = (LookupError, TypeError, AttributeError, NameError, AssertionError, ArithmeticError, struct.error)
_OF_A_NUMBER = re.compile(r"invalid literal|could not convert string|integer string conversion|cannot convert float")
_OF_A_VALUE = re.compile(r"values to unpack|not in list|embedded null|malformed node")

if TYPE_CHECKING:
    from ca_deploy.pipeline.export import Export
    from ca_deploy.records.latency import LatencyReport


class CaDeployError(Exception):
    """Root of the tree; ``str(error)`` is the whole message a user needs, with one line per argument.

    Arguments contain names from files and devices. None of them can break its line, or act on a terminal.
    """

    def __str__(self) -> str:
        return "\n".join(visible(str(line)) for line in self.args)


class UsageError(CaDeployError):
    """Options that contradict each other, or an unknown name."""


class ModelError(CaDeployError):
    """A model that cannot be found, imported, run or exported."""


class CheckpointError(ModelError):
    """Weights that cannot be read, or that do not fit the network."""


class RecipeError(CaDeployError):
    """A recipe file that is malformed, or a recipe that does not fit the request."""


class ImageDataError(CaDeployError):
    """Calibration or evaluation images that cannot be used."""


class OutputError(CaDeployError):
    """Results that cannot be written where they were asked for."""


class ReportNotSaved(OutputError):
    """The report or pictures of a measurement that is done cannot be written; ``report`` has all that was measured."""

    def __init__(self, said: str, report: "LatencyReport") -> None:
        super().__init__(said)
        self.report = report


class ArtifactError(CaDeployError):
    """An exported file, or its manifest, that cannot be opened."""


class ProgramError(ModelError, ArtifactError):
    """A ``torch.export`` program, which is a model to export and a file to check, that cannot be opened."""


class RuntimeUnavailable(CaDeployError):
    """A runtime that is not installed here, or that cannot run this file."""


class UnsupportedOperation(RuntimeUnavailable):
    """An operation of the file that the runtime does not know, or not with these parameters."""


class WorkerError(CaDeployError):
    """A converter process that crashed, was killed, or failed; names its log."""


class ExportFailed(CaDeployError):
    """Some recipes of one export failed.

    ``exports`` are the files of the others, which are delivered; it is empty where all failed, for different reasons.
    ``failures`` has the error of each recipe that failed.
    """

    def __init__(self, exports: "Sequence[Export]", failures: Mapping[str, CaDeployError]) -> None:
        self.exports = tuple(exports)
        self.failures = dict(failures)
        recipes: dict[str, list[str]] = {}
        for recipe, error in failures.items():
            recipes.setdefault(str(error), []).append(recipe)
        lines = (f"{', '.join(names)} failed: {said}".split("\n") for said, names in recipes.items())
        super().__init__(*itertools.chain.from_iterable(lines))


class DeviceError(CaDeployError):
    """A device that cannot be reached, was lost, is full, or cannot run what was sent."""


def unknown_name(kind: str, name: str, known: Iterable[str], list_command: str | None = None) -> UsageError:
    """``UsageError`` for a name that is not among ``known``, with the closest ones suggested."""
    choices = sorted(known)
    close = difflib.get_close_matches(name, choices, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(repr(c) for c in close)}?" if close else f"Known: {', '.join(choices)}."
    see = f" See `{list_command}`." if list_command else ""
    return UsageError(f"Unknown {kind} {name!r}. {hint}{see}")


def listed(names: Sequence[object], most: int = _SHOWN) -> str:
    """``a, b, c and 3 more``"""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


def consecutive(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending numbers as runs, each by its first and its last one: 0, 4, 5, 6 are 0 to 0 and 4 to 6."""
    runs = [
        [number for _, number in run]
        for _, run in itertools.groupby(enumerate(numbers), key=lambda item: item[1] - item[0])
    ]
    return [(run[0], run[-1]) for run in runs]


def first_line(error: BaseException) -> str:
    """The first line of another library's error, without its full stop; the name of its class where it has no text."""
    lines = str(error).strip().splitlines()
    return visible(lines[0][:300]).rstrip(".") if lines else type(error).__name__


def wrong_in_file(error: BaseException) -> str:
    """What is wrong in a file that a parser failed on, in a clause: what Python says of the parser helps nobody."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeError):
        return "it has text that is not UTF-8"
    if isinstance(error, MemoryError):
        return "it claims more than this machine's memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = first_line(error)
    if isinstance(error, ValueError) and _OF_A_NUMBER.search(said):
        return "it has a number that cannot be one"
    if isinstance(error, _OF_A_PROGRAM) or _OF_A_VALUE.search(said) or said == type(error).__name__:
        return "its parts do not fit together"
    return said


def last_line(text: str) -> str:
    """The last line that a program printed, for messages; "" if it printed nothing."""
    lines = text.strip().splitlines()
    return lines[-1].strip()[:300] if lines else ""


def shown(text: str, most: int = 300) -> str:
    """Text from elsewhere, such as a device, as a message may show it: in one line, printable and not too long."""
    plain = visible(" ".join(text[: 10 * most].split()))
    return plain if len(plain) <= most else f"{plain[:most]}…"


def visible(text: str) -> str:
    """Text in one line: line breaks, control and other invisible characters are escape sequences.

    A terminal would act on them, and a line break in a name could pretend to be a line of ours. So come names in model
    files, paths, and what devices and native libraries print.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
