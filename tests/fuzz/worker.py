"""The process that reads damaged files, one after the other; its parent sees how it fares, even if it dies or hangs."""

import random
import resource
import sys
import tempfile
import traceback
from pathlib import Path

from ca_deploy.errors import CaDeployError
from ca_deploy.processes import child
from tests.fuzz import subjects
from tests.fuzz.good_files import Files
from tests.fuzz.mutations import damaged
from tests.fuzz.subjects import SUBJECTS, Subject

_MEMORY_BYTES = 12 * 2**30  # addresses, of which PyTorch reserves many
_MOST_LINES = 200  # of a message; the command shortens long lines


def attempt(name: str, seed: int, good: list[Files]) -> tuple[str, str]:
    """What became of one try: ``read`` or ``refused``, or the fault and its traceback."""
    subject = SUBJECTS[name]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        path = write(subject, seed, good, Path(folder))
        try:
            subject.read(path)
        except CaDeployError as error:
            said = str(error)
            return ("a message without end", said[:3000]) if said.count("\n") > _MOST_LINES else ("refused", "")
        except MemoryError:
            return "refused", ""  # the command says so
        except Exception:
            return "traceback", traceback.format_exc()[-3000:]
    return "read", ""


def write(subject: Subject, seed: int, good: list[Files], folder: Path) -> Path:
    """Write a damaged set of files; returns the path to read: the damaged file, or the package that it is part of."""
    chance = random.Random(seed)
    files = dict(chance.choice(good))
    name = chance.choice([name for name in files if name.endswith(subject.target)])
    files[name] = damaged(files[name], name, chance)
    for other, content in files.items():
        (folder / other).parent.mkdir(parents=True, exist_ok=True)
        (folder / other).write_bytes(content)
    return folder / (Path(name).parts[0] if ".mlpackage/" in name else name)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    report, receive = child.reporter(sys.argv[1]), child.listen()
    name = sys.argv[2]
    subjects.careful = "careful" in sys.argv[3:]
    good = SUBJECTS[name].good()
    report("ready")
    while True:
        seed = receive()
        report(attempt(name, seed, good))


if __name__ == "__main__":
    main()
