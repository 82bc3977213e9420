"""Check a file against targets, in a process of its own: a native checker that crashes takes nobody along.

The child is ``python -m ca_deploy.compat.check <log> <file> <target> …``. It serves all targets, so that libraries load
and the file is read once; where it dies, the target it was busy with is named, and another goes on with the rest.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ca_deploy.errors import CaDeployError, WorkerError
from ca_deploy.graphs import check_place, read
from ca_deploy.processes import child
from ca_deploy.records.compat import CompatReport
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
        with _Checkers(path, waiting) as checkers:
            for name, report in checkers.reports(step):
                reports[name] = replace(report, target=name)
                waiting.remove(name)
            if waiting:
                crashed.append(checkers.last_words())
                reports[waiting[0]] = CompatReport(waiting[0], "", path.name, skipped=crashed[-1])
                waiting.pop(0)
    if crashed and len(crashed) == len(names):
        raise WorkerError(crashed[-1])
    return [reports[name] for name in names]


class _Checkers:
    """The parent's end of one checking process; a context manager that leaves no process behind."""

    def __init__(self, path: Path, targets: Sequence[str]) -> None:
        self._path, self._target, self._doing = path, targets[0], "starting"
        self._log = tempfile.NamedTemporaryFile(prefix="ca-deploy-check-")  # noqa: SIM115 - closed in __exit__
        self._child = child.Child("ca_deploy.compat.check", [self._log.name, str(path), *targets])

    def __enter__(self) -> "_Checkers":
        return self

    def __exit__(self, *_: object) -> None:
        self._child.__exit__()
        self._log.close()

    def reports(self, step: Step) -> Iterator[tuple[str, CompatReport]]:
        """Each target's report as soon as it is done, until the process ends or dies.

        Raises:
            CaDeployError: whatever reader or checker raised on purpose.
        """
        for event in self._child.events():
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
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        said = f" It said last: {lines[-1][:300]}" if lines else ""
        return (
            f"The checker of {self._target} {self._child.ending()} while {self._doing}, of {self._path.name}.{said} "
            "The file may be damaged, or hit a bug of the runtime: check it without that target."
        )


def main() -> None:
    log, path, names = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    tell = child.teller(log)
    child.listen()
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
