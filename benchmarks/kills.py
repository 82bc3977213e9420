"""Does a command that is killed at any moment leave processes, temporary files, or a set of old and new files?

    python -m benchmarks.kills [KILLS FIRST_SEED]   (200 kills, from seed 0)

Kills export, check, parity, profile, and profile of an endless model in turn (-9, TERM, INT, HUP) at random moments,
the exports over the set that the ones before left. Prints a table by command and signal, and every fault with its seed;
exits with 1 if there is one.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.pipeline.killing import Place


def main() -> None:
    count, first = map(int, sys.argv[1:3] or ("200", "0"))
    kills, orphans, left, wrong = Counter[tuple[str, str]](), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        for seed in range(first, first + count):
            one = place.kill(seed)
            kills[one.verb, one.signal] += 1
            orphans, left, wrong = orphans + one.orphans, left + len(one.left), wrong + bool(one.wrong)
            if kills.total() % 10 == 0:
                print(f"{kills.total()} of {count} kills", file=sys.stderr, flush=True)
            if one.is_fault:
                print(f"FAULT {one}", flush=True)
    within = ", ".join(f"{verb} {seconds:.1f} s" for verb, seconds in place.longest_s.items())
    print(f"seeds {first} to {first + count - 1}; undisturbed: {within}\n\n| command | signal | kills |\n|---|---|---|")
    for (verb, name), number in sorted(kills.items()):
        print(f"| {verb} | {name} | {number} |")
    print(f"\n{count} kills, {orphans} orphans, {left} temporary files left, {wrong} sets that are not whole")
    sys.exit(bool(orphans or left or wrong))


if __name__ == "__main__":
    main()
