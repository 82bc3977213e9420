"""What becomes of each network of the zoo in each format, and what it costs: one warm converter per format.

    python -m benchmarks.zoo --formats onnx tflite coreml --names attention. odd.lazy

Prints a Markdown row per network and recipe: passed, failed or refused, SQNR in dB, the largest absolute error, the
processor seconds of the converter and of this process (which verifies), and the reason where it did not pass.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from ca_deploy.errors import CaDeployError, WorkerError
from ca_deploy.evaluation.parity import FEWEST_IMAGES
from ca_deploy.formats import find_format, format_names
from ca_deploy.networks.source import load
from ca_deploy.pipeline.verify import Verified, reference_answers, verify
from ca_deploy.pipeline.worker import Worker
from ca_deploy.progress import no_step
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Conversion
from tests.zoo.catalogue import CATALOGUE, Entry
from tests.zoo.images import images

MODES = ("float32", "static_wi8_ai8")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Row:
    """One network by one recipe; ``verified`` is None where it was refused, and ``reason`` says why it did not pass."""

    name: str
    recipe: str
    verified: Verified | None
    reason: str
    converter_seconds: float
    own_seconds: float

    def __str__(self) -> str:
        status, sqnr, error = "refused", None, None
        if self.verified is not None:
            parity = self.verified.parity
            status, sqnr, error = parity.status.value, parity.sqnr_db, parity.max_abs_error
        figures = ("" if value is None else f"{value:.3g}" for value in (sqnr, error))
        seconds = (f"{value:.1f}" for value in (self.converter_seconds, self.own_seconds))
        return f"| {' | '.join((self.name, self.recipe, status, *figures, *seconds, self.reason))} |"


def processor_seconds(pid: int) -> float:
    """User and system time of a process, and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def rows(entries: Sequence[Entry], format_name: str, count: int, folder: Path) -> Iterator[Row]:
    format = find_format(format_name)
    with ExitStack() as stack:
        worker = stack.enter_context(Worker(format, folder / "worker.log"))
        for entry, mode in product(entries, MODES):
            recipe = load_recipe(f"{format_name}_{mode}")
            before, own = processor_seconds(worker.pid), time.process_time()
            verified = None
            try:
                network = load(entry.source)
                path = folder / f"{entry.name}.{recipe.name}{format.suffix}"
                pixels = images(count, network.preprocessing, seed=0).pixels if recipe.needs_calibration else None
                conversion = Conversion(entry.source, recipe, pixels, path, path.with_suffix(".log"))
                converted = worker.convert(conversion, no_step)
                held_out = images(FEWEST_IMAGES, network.preprocessing, seed=1)
                verified = verify(conversion, converted, reference_answers(network, held_out))
                reason = verified.parity.reason
            except WorkerError as error:  # that process is gone
                reason = f"FAULT {error}"
                worker, before = stack.enter_context(Worker(format, folder / "worker.log")), 0.0
            except CaDeployError as error:
                reason = str(error)
            except Exception as error:  # only ca-deploy's own errors may reach a user
                reason = f"FAULT {type(error).__name__}: {error}"
            spent = processor_seconds(worker.pid) - before
            yield Row(entry.name, recipe.name, verified, " ".join(reason.split()), spent, time.process_time() - own)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--formats", nargs="*", default=format_names())
    parser.add_argument("--names", nargs="*", default=[""], help="starts of the names in tests/zoo/catalogue.py")
    parser.add_argument("--images", type=int, default=32, help="calibration images")
    args = parser.parse_args()
    entries = [entry for entry in CATALOGUE if entry.name.startswith(tuple(args.names))]
    print("| network | recipe | parity | SQNR dB | max abs error | converter s | own s | reason |")
    print("|---|---|---|---|---|---|---|---|")
    for format_name in args.formats:
        with tempfile.TemporaryDirectory() as scratch:
            for row in rows(entries, format_name, args.images, Path(scratch)):
                print(row, flush=True)


if __name__ == "__main__":
    main()
