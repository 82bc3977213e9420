"""The process that reads damaged files, one after the other; its parent sees how it fares, even if it dies or hangs."""

import random
import re
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path

from ca_deploy.cli._command import message_of
from ca_deploy.processes import child
from tests.fuzz import subjects
from tests.fuzz.good_files import Files
from tests.fuzz.mutations import BROKEN, damaged
from tests.fuzz.subjects import SUBJECTS, Subject

_ADDRESSES = 12 * 2**30  # bytes, of which PyTorch reserves many
_MOST_MEMORY = 2 * 2**30  # bytes that one try may use
_MOST_SECONDS = 10  # of the processor
_MOST_LINES = 200  # of a message; the command shortens long lines
_OWN = 0.6  # the share of tries with damage in the terms of their kind of file, where there is such
# What Python says of a program is of no use to someone whose file is damaged.
_PYTHONS = re.compile(
    r"list index out of range|NoneType|object (has no|is not|of type|does not)|invalid literal|unhashable|operand type"
    r"|values to unpack|cannot unpack|not (sub)?scriptable|recursion depth|codec can't|int string conversion|sys\.set_"
    r"|argument must be|missing \d+ required|takes \d+ positional|must be (a )?(str|int|float|real)\b|<class |<built-in"
    r"|\bat 0x[0-9a-f]|Traceback|\b(?!ShapeInf|TypeInf)[A-Z][a-z]\w*(Error|Exception|Fault)\b|string indices"
)


def attempt(subject: Subject, seed: int, good: list[Files]) -> tuple[str, str, bool]:
    """What became of one try: ``read`` or ``refused``, or the fault and its details; and whether its first parser took
    the file."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        path = write(subject, seed, good, Path(folder))
        Path("/proc/self/clear_refs").write_text("5")  # the highest memory is counted anew
        memory, began = _memory("VmRSS"), time.process_time()
        outcome, details, inside = _read(subject, path)
        seconds, used = time.process_time() - began, _memory("VmHWM") - memory
    if seconds > _MOST_SECONDS:
        return "slow", f"{seconds:.0f} s of the processor: {outcome} {details}", inside
    if used > _MOST_MEMORY:
        return "memory", f"{used / 2**30:.1f} GiB: {outcome} {details}", inside
    return outcome, details, inside


def _read(subject: Subject, path: Path) -> tuple[str, str, bool]:
    try:
        shown = subject.read(path) or ()
    except Exception as error:
        said = message_of(error)  # as the command line has it
        if said is None:
            return "traceback", traceback.format_exc()[-3000:], True
        return _objection(said) or "refused", said[:3000], not _is_from(error, subject.gates)
    for text in shown:
        if wrong := _objection(text, most_lines=10**6):
            return wrong, text[:3000], True
    return "read", "", True


def _objection(said: str, most_lines: int = _MOST_LINES) -> str:
    """What is wrong with a text that a user reads, or ""."""
    if said.count("\n") > most_lines:
        return "a message without end"
    if any(line.lstrip().startswith(BROKEN) for line in said.splitlines()):
        return "a line that a name breaks"
    if found := _PYTHONS.search(said):
        return f"Python's words: {found.group()}"
    return "" if all(c.isprintable() or c in "\n\t" for c in said) else "control characters"


def _is_from(error: BaseException | None, gates: tuple[str, ...]) -> bool:
    """Whether an error was raised in one of these functions, or modules; by what caused it, too."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}".startswith(gates):
                return True
        error = error.__cause__ or error.__context__
    return False


def _memory(kind: str) -> int:
    """Bytes, from this process's status."""
    found = re.search(rf"{kind}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def write(subject: Subject, seed: int, good: list[Files], folder: Path) -> Path:
    """Write a damaged set of files; returns the path to read: the damaged file, or what it is part of."""
    chance = random.Random(seed)
    files = dict(chance.choice(good))
    if subject.own is not None and chance.random() < _OWN:
        subject.own(files, chance)
        name = next(name for name in files if name.endswith(subject.target))
    else:
        name = chance.choice([name for name in files if name.endswith(subject.target)])
        files[name] = damaged(files[name], name, chance)
    return put(files, folder, subject.opened or name)


def put(files: Files, folder: Path, name: str) -> Path:
    """Write a set of files; returns the path of the file, or of the package, that is opened."""
    for other, content in files.items():
        (folder / other).parent.mkdir(parents=True, exist_ok=True)
        (folder / other).write_bytes(content)
    return folder / (Path(name).parts[0] if ".mlpackage/" in name else name)


def read_what_is_good(subject: Subject, good: list[Files]) -> None:
    """Every file is read as it is: otherwise damage to it would show nothing. It loads what reading needs, too."""
    for files in good:
        name = subject.opened or next(name for name in files if name.endswith(subject.target))
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            subject.read(put(files, Path(folder), name))


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    report, receive = child.reporter(sys.argv[1]), child.listen()
    subject = SUBJECTS[sys.argv[2]]
    subjects.careful = "careful" in sys.argv[3:]
    good = subject.good()
    read_what_is_good(subject, good)
    report("ready")
    while True:
        seed = receive()
        report(attempt(subject, seed, good))


if __name__ == "__main__":
    main()
