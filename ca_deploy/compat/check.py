"""Check a file against targets in a child process: a crash in native code cannot take down the parent process.

The child is ``python -m ca_deploy.compat.check <log> <file> <target> …``. It checks all targets, so that libraries and
the file are loaded once. If it dies in what a target announced as a risk, a new child repeats that target without it;
if it dies elsewhere, the target is reported as skipped and a new child checks the rest.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ca_deploy.delivery.scratch import temporary
from ca_deploy.errors import ArtifactError, CaDeployError, WorkerError, last_line
from ca_deploy.graphs import CONTROL_FLOW, Graph, check_place, read
from ca_deploy.plugins import load
from ca_deploy.processes import child
from ca_deploy.processes.time_limit import advice, time_limit_s
from ca_deploy.progress import NamedStep, no_named_step
from ca_deploy.records.compat import CompatReport
from ca_deploy.targets import Request, Risk, Risky, Target, _compiled, find_target, targets_for, usable_target
from ca_deploy.targets._partitions import without_accelerator

_SCOPES_SHOWN = 6
_MOST_CRASHES = 64  # nodes; each takes a second


def check(path: Path, targets: Sequence[str] = (), step: NamedStep = no_named_step) -> list[CompatReport]:
    """Where each target runs the nodes of a file.

    Args:
        path: a model file of a format in :mod:`ca_deploy.graphs.readers`.
        targets: ``"xnnpack"``, ``"nnapi:29"``, …; by default all targets for this format, of which those whose
            packages are not installed are reported as skipped.
        step: called with each target, as soon as its check begins.

    Returns:
        One report per target, in the order requested.

    Raises:
        UsageError: an unknown target, or one for other formats.
        RuntimeUnavailable: a package of a requested target is not installed.
        ArtifactError: the file is not a model that can be checked, or does not end.
        WorkerError: the checker crashed on every target.
    """
    check_place(path)
    names = list(dict.fromkeys(targets or targets_for(path)))
    reports: dict[str, CompatReport] = {}
    for name in names:
        if targets:
            usable_target(name, path)
        elif missing := find_target(name)[0].missing_packages():
            reports[name] = CompatReport(name, "", path.name, skipped=f"{', '.join(missing)} is not installed")
    waiting = [name for name in names if name not in reports]
    crashed: list[str] = []
    lost: dict[Risky, str] = {}
    begun: set[str] = set()
    while waiting:
        with temporary() as scratch, _Checkers(path, waiting, scratch, lost, begun) as checkers:
            for name, report in checkers.reports(step):
                reports[name] = replace(report, target=name)
                waiting.remove(name)
            if checkers.risked is not None and checkers.risked not in lost and len(lost) < _MOST_CRASHES:
                lost[checkers.risked] = checkers.ending()
            elif waiting:
                crashed.append(checkers.last_words())
                reports[waiting[0]] = CompatReport(waiting[0], "", path.name, skipped=crashed[-1])
                waiting.pop(0)
    if crashed and len(crashed) == len(names):
        raise WorkerError(crashed[-1])
    return [reports[name] for name in names]


class _Checkers:
    """The parent's side of one child process; a context manager that always ends the child.

    ``lost``: what crashed earlier ones, and how they ended. ``risked``: what this one was in the middle of. ``begun``:
    the targets that progress has named.
    """

    def __init__(
        self, path: Path, targets: Sequence[str], scratch: Path, lost: Mapping[Risky, str], begun: set[str]
    ) -> None:
        self._path, self._target, self._doing = path, targets[0], "starting"
        self._limit_s = time_limit_s(path)
        self.risked: Risky | None = None
        self._begun = begun
        self._log = scratch / "log"
        self._child = child.Child("ca_deploy.compat.check", [str(self._log), str(path), *targets], scratch)
        self._child.send(dict(lost))

    def __enter__(self) -> "_Checkers":
        return self

    def __exit__(self, *_: object) -> None:
        self._child.__exit__()

    def reports(self, step: NamedStep) -> Iterator[tuple[str, CompatReport]]:
        """Each target's report as soon as it is complete, until the child ends or dies.

        Raises:
            CaDeployError: an error raised by the reader or a checker, or nothing happened for :func:`.time_limit_s`.
        """
        for event in self._child.events(self._limit_s):
            if isinstance(event, CaDeployError):
                raise event
            self.risked = event if isinstance(event, Risky) else None
            if isinstance(event, Risky):
                continue
            self._target, what = event
            if isinstance(what, CompatReport):
                yield self._target, what
            else:
                self._doing = what
                if self._target not in self._begun:
                    self._begun.add(self._target)
                    step(self._target, f"checking {self._path.name}")
        if self._child.is_late:
            doing = f"trying {self.risked.name}" if self.risked else self._doing
            raise ArtifactError(
                f"{self._path} was ended: {doing} for target {self._target} took longer than {self._limit_s:.0f} s. "
                f"{advice()}"
            )

    def ending(self) -> str:
        """How the child ended."""
        return self._child.ending()

    def last_words(self) -> str:
        """Why there is no report: how the child ended, and the last line that it printed."""
        last = last_line(self._log.read_text(errors="replace")) if self._log.exists() else ""
        said = f" Its last output: {last}" if last else ""
        return (
            f"The checker of {self._target} {self.ending()} while {self._doing} ({self._path.name}).{said} "
            "The file may be damaged, or trigger a bug in the runtime: check it without that target."
        )


def main() -> None:
    log, path, names = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    report = child.reporter(log)
    lost: Mapping[Risky, str] = child.listen()()
    try:
        report((names[0], "reading the file"))
        graph = read(path)
        for name in names:
            target, level = find_target(name)
            checker = target.load_checker()
            step = partial(_report_step, report, name)
            step("checking the file")
            risk = partial(_risk, report, lost, name)
            found = checker(Request(target.name, path, graph, level, step, risk))
            found = _unless_refused(target, path, risk, found)
            report((name, replace(found, notes=(*found.notes, *_compiled.notes(graph), *_scopes(graph)))))
    except CaDeployError as error:
        report(error)


def _scopes(graph: Graph) -> Iterator[str]:
    """Which subgraphs a file of several has, all of which are counted."""
    if len(graph.scopes) > 1:
        counts = [f"{count} in {scope or 'the main graph'}" for scope, count in graph.scopes.items()]
        more = f" and {len(counts) - _SCOPES_SHOWN} more" if len(counts) > _SCOPES_SHOWN else ""
        yield f"All subgraphs are counted; nodes: {', '.join(counts[:_SCOPES_SHOWN])}{more}."
        if any(node.operator in CONTROL_FLOW for node in graph.nodes):
            yield "Which branches run, and how often, is known only at run time."


def _unless_refused(target: Target, path: Path, risk: Risk, found: CompatReport) -> CompatReport:
    """The report, or one that says why the runtime refuses the whole model before it asks its delegate."""
    if not target.refusal:
        return found
    ending = risk("the whole model")
    refused = f"the process {ending}" if ending else load(target.refusal)(path)
    if not refused:
        return found
    note = f"The runtime refuses the whole model: {refused}. Single nodes are judged as if it did not."
    return without_accelerator(replace(found, refused=refused, notes=(note, *found.notes)))


def _risk(report: Callable[[object], None], lost: Mapping[Risky, str], target: str, name: str) -> str:
    risk = Risky(target, name)
    if risk not in lost:
        report(risk)
    return lost.get(risk, "")


def _report_step(report: Callable[[object], None], target: str, text: str) -> None:
    report((target, text))


if __name__ == "__main__":
    main()
