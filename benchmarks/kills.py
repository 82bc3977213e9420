"""Does an export that is killed at any moment leave processes, or a set of old and new files?

    python -m benchmarks.kills [KILLS FIRST_SEED]   (200 kills, from seed 0)

Kills exports (-9, TERM, INT, HUP) at random moments, each over the set that the ones before left. Prints a table by
signal, and every fault with its seed; exits with 1 if there is one.
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.pipeline.killing import export, kill


def main() -> None:
    count, first = map(int, sys.argv[1:3] or ("200", "0"))
    kills, orphans, wrong = Counter[str](), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        if export(Path(folder), mean=0.5).wait() != 0:
            sys.exit("the export fails without a kill, too")
        longest = time.monotonic() - began
        for seed in range(first, first + count):
            one = kill(Path(folder), seed, longest)
            kills[one.signal] += 1
            orphans, wrong = orphans + one.orphans, wrong + bool(one.wrong)
            if kills.total() % 10 == 0:
                print(f"{kills.total()} of {count} kills", file=sys.stderr, flush=True)
            if one.orphans or one.wrong:
                print(f"FAULT {one}", flush=True)
    print(f"seeds {first} to {first + count - 1}, within {longest:.1f} s\n\n| signal | kills |\n|---|---|")
    for name, number in kills.most_common():
        print(f"| {name} | {number} |")
    print(f"\n{count} kills, {orphans} orphans, {wrong} sets that are not whole")
    sys.exit(bool(orphans or wrong))


if __name__ == "__main__":
    main()
