"""Check a file against targets, in a process of its own: a native checker that crashes takes nobody along.

The child is ``python -m ca_deploy.compat <file> <target> …``; it writes pickled events to its standard output,
and ends itself when its parent is gone. One child serves all targets, so that libraries load and the file is read once;
where it dies, the target it was busy with is named, and another goes on with the rest.
"""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from ca_deploy.compat_report import CompatReport
from ca_deploy.errors import CaDeployError, WorkerError
from ca_deploy.graphs import check_place, read
from ca_deploy.targets import Request, find_target, targets_for, usable_target

# (target, what is being done)
Step = Callable[[str, str], None]


def check(path: Path, targets: Sequence[str] = (), step: Step = lambda target, text: None) -> list[CompatReport]:
    """What every target makes of the nodes of a file.

    Args:
        path: ``.tflite``, ``.onnx``, ``.mlpackage`` or ``.pt2``.
        targets: ``"xnnpack"``, ``"nnapi:29"``, …; by default all that take such a file. Of those, the ones whose
            packages are not installed are reported as skipped.
        step: is told what is being done, for showing progress.

    Returns:
        One report a target, in the order asked for.

    Raises:
        UsageError: an unknown target, or one for other files.
        RuntimeUnavailable: a target was asked for whose package is not installed.
        ArtifactError: the file is no model that can be checked.
        WorkerError: every target's checker crashed.
    """
    check_place(path)
    names = list(dict.fromkeys(targets or targets_for(path)))
    reports: dict[str, CompatReport] = {}
    for name in names:
        if targets:
            usable_target(name, path)
        elif missing := find_target(name)[0].missing_packages():
            reports[name] = CompatReport(name, "", path.name, skipped=f"{', '.join(missing)} is not installed here")
    waiting = [name for name in names if name not in reports]
    crashed: list[str] = []
    while waiting:
        with _Child(path, waiting) as child:
            for name, report in child.reports(step):
                reports[name] = replace(report, target=name)
                waiting.remove(name)
            if waiting:
                crashed.append(child.last_words())
                reports[waiting[0]] = CompatReport(waiting[0], "", path.name, skipped=crashed[-1])
                waiting.pop(0)
    if crashed and len(crashed) == len(names):
        raise WorkerError(crashed[-1])
    return [reports[name] for name in names]


class _Child:
    """The parent's end of one checking process; a context manager that leaves no process behind."""

    def __init__(self, path: Path, targets: Sequence[str]) -> None:
        self._path, self._target, self._doing = path, targets[0], "starting"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        command = [sys.executable, "-m", "ca_deploy.compat", str(path), *targets]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, start_new_session=True
        )

    def __enter__(self) -> "_Child":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._log):
            if pipe is not None:
                pipe.close()

    def reports(self, step: Step) -> Iterator[tuple[str, CompatReport]]:
        """Each target's report as soon as it is done, until the process ends or dies.

        Raises:
            CaDeployError: whatever reader or checker raised on purpose.
        """
        assert self._process.stdout is not None
        for event in _events(self._process.stdout):
            if isinstance(event, CaDeployError):
                raise event
            self._target, what = event
            if isinstance(what, CompatReport):
                yield self._target, what
            else:
                self._doing = what
                step(self._target, what)

    def last_words(self) -> str:
        """Why there is no report."""
        code = self._process.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        said = f" It said last: {lines[-1][:300]}" if lines else ""
        return (
            f"The checker of {self._target} {how} while {self._doing}, of {self._path.name}.{said} The file may be "
            "damaged, or hit a bug of the runtime: check it without that target."
        )


def _events(pipe: IO[bytes]) -> Iterator[Any]:
    while True:
        try:
            yield pickle.load(pipe)
        except (EOFError, pickle.UnpicklingError):
            return


def _end_with_parent() -> None:
    """The parent holds the other end of standard input; when that closes, nobody waits for us any more."""
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    path, names = Path(sys.argv[1]), sys.argv[2:]
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what native code prints goes to the log
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def tell(event: object) -> None:
        pickle.dump(event, events)
        events.flush()

    try:
        tell((names[0], "reading the file"))
        graph = read(path)
        for name in names:
            target, level = find_target(name)
            checker = target.load_checker()
            tell((name, checker(Request(target.name, path, graph, level, lambda text, name=name: tell((name, text))))))  # type: ignore[misc]
    except CaDeployError as error:
        tell(error)


if __name__ == "__main__":
    main()
