"""How exact the worst channel of a good file is, by recipe: the measurements behind the floors of parity.

    python -m benchmarks.channel_floors --formats onnx tflite --names classifiers. detectors.

Exports networks of the zoo (and ``bundled``, the trained one) with every recipe of the formats, and prints a Markdown
row per recipe: how many files, and, with the network that has it, the lowest SQNR of a channel about its mean, the
lowest SQNR of a position, the largest systematic error, and the fewest values of a channel. Files that parity does not
pass are listed below the table, and do not count.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import ca_deploy
from ca_deploy.formats import format_names
from ca_deploy.recipes import recipe_names
from ca_deploy.records.parity import ChannelsParity, ParityReport
from tests.zoo.catalogue import CATALOGUE
from tests.zoo.keeper import Keeper

Found = tuple[float, str]
BUNDLED = "bundled"
_RESPECTS: dict[str, tuple[Callable[[ChannelsParity], float | None], Callable[..., Found]]] = {
    "channel SQNR dB": (lambda found: found.noisiest.sqnr_db, min),
    "position SQNR dB": (lambda found: found.position_sqnr_db, min),
    "systematic": (lambda found: found.most_systematic.systematic, max),
    "values": (lambda found: found.fewest_values.values, min),
}


def bundled(recipes: Sequence[str]) -> Iterator[tuple[str, str, ParityReport]]:
    """The bundled network's name, the recipe, and the report, on its own held-out images."""
    with tempfile.TemporaryDirectory() as scratch:
        for export in ca_deploy.export(recipes=recipes, output=scratch):
            yield BUNDLED, export.manifest.recipe.name, export.manifest.parity


def zoo(
    starts: Sequence[str], formats: Sequence[str], modes: Sequence[str], images: int
) -> Iterator[tuple[str, str, ParityReport]]:
    """The same of the networks of the zoo whose names start so."""
    with tempfile.TemporaryDirectory() as scratch, Keeper(Path(scratch), images, modes) as keeper:
        for entry in CATALOGUE:
            if entry.name.startswith(tuple(starts)):
                for found in keeper.outcomes(entry, formats):
                    if found.verified:
                        yield entry.name, found.recipe, found.verified.parity


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--formats", nargs="*", default=format_names())
    parser.add_argument("--names", nargs="*", default=[""], help="starts of the names in tests/zoo/catalogue.py")
    parser.add_argument("--images", type=int, default=64, help="calibration images")
    parser.add_argument("--modes", nargs="*", help="recipes without the format; by default all")
    args = parser.parse_args()
    modes = args.modes or sorted({name.partition("_")[2] for name in recipe_names()})
    recipes = [
        name for name in (f"{format}_{mode}" for format in args.formats for mode in modes) if name in recipe_names()
    ]
    found: dict[str, dict[str, list[Found]]] = {}
    others: list[str] = []
    own = bundled(recipes) if BUNDLED.startswith(tuple(args.names)) else ()
    for network, recipe, report in chain(own, zoo(args.names, args.formats, modes, args.images)):
        print(f"{network} {recipe}: {report.status}", file=sys.stderr, flush=True)
        if report.status != "pass":
            others.append(f"- {network}, {recipe}: {report.status}, {report.reason}")
            continue
        channels = [one.channels for one in report.outputs if one.channels]
        for respect, (figure, _) in _RESPECTS.items():
            values = [(value, network) for one in channels if (value := figure(one)) is not None]
            found.setdefault(recipe, {}).setdefault(respect, []).extend(values)
    print(f"| recipe | outputs | {' | '.join(_RESPECTS)} |")
    print(f"|---|---:|{'---|' * len(_RESPECTS)}")
    for recipe, figures in sorted(found.items()):
        worst = [worst_of(figures[name]) if figures[name] else None for name, (_, worst_of) in _RESPECTS.items()]
        cells = [f"{one[0]:.3g} ({one[1]})" if one else "" for one in worst]
        print(f"| {recipe} | {len(figures['channel SQNR dB'])} | {' | '.join(cells)} |")
    print("\nNot counted:\n" + "\n".join(others))


if __name__ == "__main__":
    main()
