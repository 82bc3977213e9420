"""Exports the networks of the zoo, with one warm converter per format, and tells what became of each."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ca_deploy.errors import CaDeployError, WorkerError
from ca_deploy.formats import find_format
from ca_deploy.networks.source import load
from ca_deploy.pipeline.verify import Reference, Verified, reference_answers, verify
from ca_deploy.progress import no_step
from ca_deploy.recipes import load_recipe, recipe_names
from ca_deploy.records.conversion import Conversion
from tests.warm import Idle
from tests.zoo.catalogue import Entry
from tests.zoo.images import samples

MODES = ("float32", "static_wi8_ai8")
_HELD_OUT = 64  # of 32, a single answer that flips would be below 97 %
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One network by one recipe; ``verified`` is None where it was refused, and ``reason`` says why it did not pass.

    ``fault``: what was raised is not an error of ca-deploy's own. Times are processor seconds, of the converter and of
    this process, which verifies.
    """

    entry: Entry
    recipe: str
    verified: Verified | None
    reason: str
    fault: bool
    converter_s: float
    own_s: float

    @property
    def status(self) -> str:
        """``pass``, ``fail``, ``skipped``, or ``refused``."""
        return "refused" if self.verified is None else self.verified.parity.status.value


class Keeper:
    """A context manager that ends all its converters; their files and logs go to ``folder``."""

    def __init__(self, folder: Path, calibration_count: int = 128, modes: Sequence[str] = MODES) -> None:
        self._folder, self._modes = folder, modes
        self._count = calibration_count
        self._idle = Idle(folder)

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(self, *_: object) -> None:
        self._idle.__exit__()

    def outcomes(self, entry: Entry, formats: Sequence[str]) -> Iterator[Outcome]:
        """By each recipe in turn; the network is loaded once."""
        try:
            network = load(entry.source)
            assert len(network.signature.outputs) == entry.outputs, (
                f"{entry.name} has other outputs than its entry says"
            )
            reference = reference_answers(network, samples(_HELD_OUT, network.signature, seed=1))
        except CaDeployError as error:
            yield Outcome(entry, "", None, _line(error), fault=False, converter_s=0, own_s=0)
            return
        for format_name in formats:
            for recipe in (f"{format_name}_{mode}" for mode in self._modes):
                if recipe in recipe_names():
                    yield self._outcome(entry, recipe, reference)

    def _outcome(self, entry: Entry, recipe_name: str, reference: Reference) -> Outcome:
        recipe = load_recipe(recipe_name)
        format = find_format(recipe.format)
        path = self._folder / f"{entry.name}.{recipe.name}{format.suffix}"
        calibration = samples(self._count, reference.network.signature, seed=0) if recipe.needs_calibration else None
        conversion = Conversion(entry.source, recipe, calibration, path, path.with_suffix(".log"))
        verified, fault, gone = None, False, False
        with self._idle.lend(format, conversion.printed, self._folder) as worker:
            before, own = processor_s(worker.pid), time.process_time()
            try:
                verified = verify(conversion, worker.convert(conversion, no_step), reference)
                reason = verified.parity.reason
            except WorkerError as error:
                reason, fault, gone = _line(error), True, True
            except CaDeployError as error:
                reason = _line(error)
            except Exception as error:  # only ca-deploy's own errors may reach a user
                reason, fault = f"{type(error).__name__}: {_line(error)}", True
            spent = 0.0 if gone else processor_s(worker.pid) - before
        return Outcome(entry, recipe.name, verified, reason, fault, spent, time.process_time() - own)


def processor_s(pid: int) -> float:
    """User and system time of a process, and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
