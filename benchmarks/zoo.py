"""What becomes of each network of the zoo in each format, and what it costs: one warm converter per format.

    python -m benchmarks.zoo --formats onnx tflite coreml --names attention. odd.lazy

Prints a Markdown row per network and recipe: passed, failed or refused, SQNR in dB, the largest absolute error, the
processor seconds of the converter and of this process (which verifies), and the reason where it did not pass.
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from ca_deploy.formats import format_names
from tests.zoo.catalogue import CATALOGUE
from tests.zoo.keeper import Keeper, Outcome


def row(found: Outcome) -> str:
    parity = found.verified.parity if found.verified else None
    figures = (parity.sqnr_db, parity.max_abs_error) if parity else (None, None)
    numbers = ["" if value is None else f"{value:.3g}" for value in figures]
    seconds = [f"{found.converter_s:.1f}", f"{found.own_s:.1f}"]
    reason = f"FAULT {found.reason}" if found.fault else found.reason
    return f"| {' | '.join((found.entry.name, found.recipe, found.status, *numbers, *seconds, reason))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--formats", nargs="*", default=format_names())
    parser.add_argument("--names", nargs="*", default=[""], help="starts of the names in tests/zoo/catalogue.py")
    parser.add_argument("--images", type=int, default=128, help="calibration images")
    args = parser.parse_args()
    print("| network | recipe | parity | SQNR dB | max abs error | converter s | own s | reason |")
    print("|---|---|---|---|---|---|---|---|")
    seconds: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch, Keeper(Path(scratch), args.images) as keeper:
        for entry in CATALOGUE:
            if not entry.name.startswith(tuple(args.names)):
                continue
            for found in keeper.outcomes(entry, args.formats):
                print(row(found), flush=True)
                seconds[found.recipe.partition("_")[0]] += round(found.converter_s + found.own_s)
    print(f"\nprocessor seconds: {dict(seconds)}")


if __name__ == "__main__":
    main()
