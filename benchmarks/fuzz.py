"""Is everything that ca-deploy reads either read or refused with one message, whatever is damaged in it?

    python -m benchmarks.fuzz [TRIES FIRST_SEED [KIND …]]   (600 tries per kind of file, from seed 0)

Damages good files of every kind, each try by its own seed, and reads them in a process of their own. Prints the seeds
and a table (inside: the share of tries that the first parser took for files of their kind), and every fault: a
traceback, crash or hang, more than 10 s of the processor or 2 GiB of memory, a message with Python's own words, with
control characters or with a line that a name breaks. Exits with 1 if there is one.
"""

import sys
import time
from collections import Counter

from tests.fuzz.campaign import GOOD, tries
from tests.fuzz.subjects import SUBJECTS


def main() -> None:
    count, first = map(int, sys.argv[1:3] or ("600", "0"))
    subjects = sys.argv[3:] or list(SUBJECTS)
    faults = total = 0
    print(f"seeds {first} to {first + count - 1} of each kind\n\n| kind | read | refused | inside % | faults | s |")
    print("|---|---|---|---|---|---|", flush=True)
    for subject in subjects:
        began, inside, outcomes = time.perf_counter(), 0, Counter[str]()
        for one in tries(subject, range(first, first + count)):
            outcomes[one.outcome] += 1
            inside += one.inside
            if one.outcome not in GOOD:
                print(f"FAULT {subject}, seed {one.seed}: {one.outcome}\n{one.details}", file=sys.stderr, flush=True)
        bad = outcomes.total() - outcomes["read"] - outcomes["refused"]
        faults, total = faults + bad, total + outcomes.total()
        seconds = time.perf_counter() - began
        counts = f"{outcomes['read']} | {outcomes['refused']} | {100 * inside / count:.0f} | {bad}"
        print(f"| {subject} | {counts} | {seconds:.0f} |", flush=True)
    print(f"\n{total} tries, {faults} faults")
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
