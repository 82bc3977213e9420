"""Does a delivery survive kills and signals at every system call that changes the output folder?

    python -m benchmarks.delivery_kills

Replaces a set of four results (two files, a package, a zip) in a child process under strace, and stops at the first
interruption after which the set is incomplete. Prints the number of interruptions of each kind.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.delivery import child, kit

ALL = kit.RENAMES + kit.OTHERS


def situations(folder: Path) -> Iterator[tuple[str, Iterator[kit.Moment]]]:
    """(kind of interruption, the system calls at which the delivery survived it)."""
    package = frozenset({child.PACKAGE})
    yield "kill -9", kit.kills(folder, ALL)
    yield "kill -9, empty folder before", kit.kills(folder, ALL, before="missing")
    yield "kill -9, no RENAME_EXCHANGE", kit.kills(folder, ALL, kit.NO_EXCHANGE, may_miss=package)
    yield "kill -9 of the command after a kill", kit.kills_of_the_next_command(folder, ALL)
    for sent in ("INT", "TERM", "HUP"):
        yield f"SIG{sent}", kit.requests(folder, sent, ALL)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        print("| interruption | count | by system call |\n|---|---|---|")
        for name, survived in situations(Path(scratch) / "out"):
            counts = Counter(moment.call for moment in survived)
            calls = ", ".join(f"{call} {count}" for call, count in counts.most_common())
            print(f"| {name} | {counts.total()} | {calls} |", flush=True)


if __name__ == "__main__":
    main()
