"""``sweep()``: carry out a plan, and keep each result as soon as it is there."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ca_deploy.data.calibration import load_spec
from ca_deploy.delivery.scratch import temporary
from ca_deploy.errors import CaDeployError, OutputError
from ca_deploy.latency.measurable import measurable_runtimes
from ca_deploy.pipeline.request import ExportRequest
from ca_deploy.progress import DONE, NamedStep, Progress, no_named_step, silent
from ca_deploy.records.codec import to_json
from ca_deploy.records.devices import DeviceInfo
from ca_deploy.records.manifest import Manifest, manifest_path
from ca_deploy.records.parity import Status
from ca_deploy.records.places import place_beside, source_beside
from ca_deploy.records.sweep import RECORD_FILE, Cell, SweepRecord
from ca_deploy.sweeps import identity
from ca_deploy.sweeps.cluster import Workers, connected, embedded
from ca_deploy.sweeps.commands import evaluate_command, profile_command
from ca_deploy.sweeps.jobs import AccuracyJob, DeviceJob, ExportJob, Job, LatencyJob, Made, inputs_of_export, read
from ca_deploy.sweeps.plan import Plan, files_of, report_name
from ca_deploy.sweeps.results import Place, Results, alone_with
from ca_deploy.sweeps.tools import tools

# Jobs that are sent ahead, so that no worker waits; they carry files.
_AHEAD, _AHEAD_ON_A_DEVICE = 32, 2
_THIS_MACHINE = "local"  # its times are measured when nothing else runs


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """A job, made when its turn comes, with its cells; ``request`` is what an export was asked for."""

    name: str
    cells: tuple[Cell, ...]
    job: Callable[[], Job]
    device: str | None = None
    request: ExportRequest | None = None


def sweep(
    plan: Plan,
    output: Path,
    scheduler: str | None = None,
    workers: int | None = None,
    step: NamedStep = no_named_step,
    progress: Progress = silent,
    command_line: tuple[str, ...] = (),
) -> SweepRecord:
    """Make what is missing of a plan in a folder, on this machine, or on the workers of a scheduler.

    The record has ``command_line`` as the command that was typed.

    Raises:
        CaDeployError: the cluster or the folder cannot be used. Everything else is in the cells.
    """
    with ExitStack() as opened:
        at_work: Workers | None = None
        if scheduler is not None:  # before there is a folder
            step("", f"connecting to {scheduler}")
            at_work = opened.enter_context(connected(scheduler, step))
            at_work.check(plan.devices)
        opened.enter_context(alone_with(output))
        return _Sweep(plan, Results(output, command_line), step, progress).run(opened, at_work, workers)


class _Sweep:
    def __init__(self, plan: Plan, results: Results, step: NamedStep, progress: Progress) -> None:
        self._plan, self._results, self._step, self._progress = plan, results, step, progress
        self._waiting: list[_Task] = []
        self._devices: dict[str, DeviceInfo | str] = {}
        self._data_inputs: dict[str, str] = {}
        self._cells: dict[Place, Cell] = {cell.place: cell for cell in self._planned()}
        self._finished: set[Place] = set()

    def run(self, opened: ExitStack, at_work: Workers | None, workers: int | None) -> SweepRecord:
        self._results.plan(self._cells)
        self._ask_devices(at_work)
        self._step("", "comparing inputs with earlier results")
        if self._plan.data is not None:
            self._data_inputs = {"data": identity.of_data(self._plan.data)}
        for conversion in self._plan.conversions:
            self._begin(conversion)
        self._results.plan_anew(self._cells.keys() - self._finished)
        self._step("", DONE)
        if self._waiting and at_work is None:
            at_work = opened.enter_context(embedded(len(self._waiting), self._plan.devices, workers, self._step))
        while at_work is not None and (self._waiting or at_work):
            self._send(at_work)
            task, made = at_work.finished()
            self._take(task, made)
        try:
            return self._results.save([*self._cells])
        except OutputError as error:  # the disk is full, and what could not be kept has failed
            self._step("", f"{RECORD_FILE} lists only what was finished before: {error}")
            return self._results.record([*self._cells])

    def _planned(self) -> Iterator[Cell]:
        for file, (conversion, recipe) in self._plan.files.items():
            waiting = Cell(
                file,
                "export",
                Status.SKIPPED,
                reason="It was not made.",
                model=conversion.source.stem,
                recipe=recipe.name,
                calibration=conversion.calibration or "",
            )
            yield waiting
            yield from (replace(waiting, what="latency", on=device) for device in self._plan.devices)
            if self._plan.data is not None:
                yield replace(waiting, what="accuracy", on=self._plan.data.name)

    def _ask_devices(self, workers: Workers | None) -> None:
        """What the devices are; of one that does not answer, why."""
        jobs = {device: DeviceJob(device) for device in self._plan.devices}
        for device, job in jobs.items():
            if workers is not None:
                workers.submit(job, device, device, device)
            else:
                self._devices[device] = _asked_here(job, self._step)
        while workers:
            device, (made,) = workers.finished()
            self._devices[device] = made.value or made.reason
        for device, found in self._devices.items():
            if isinstance(found, str):  # before hours of exports
                self._step("", f"{device} does not answer: {found}")

    def _begin(self, conversion: ExportRequest) -> None:
        """Wait with what is missing of a conversion; go on with what is there."""
        inputs = inputs_of_export(conversion)
        cells, recipes = [], []
        for file, recipe in files_of(conversion).items():
            own = {**inputs, "recipe": identity.of_text(to_json(recipe)), **tools()}
            cell = replace(self._cells[file, "export", ""], inputs=own, key=identity.key_of(own))
            if found := self._results.finished(cell.place, cell.key):
                self._finish(found)
                self._continue(found)
            else:
                self._announce(cell)
                cells.append(cell)
                recipes.append(recipe)
        if cells:
            request = replace(conversion, recipes=tuple(recipes))
            self._waiting.append(
                _Task(conversion.source.stem, tuple(cells), partial(ExportJob, request, inputs), request=request)
            )

    def _continue(self, export: Cell) -> None:
        """Wait with what is missing for an exported file."""
        if not export.files:
            for cell in self._cells.values():
                if cell.file == export.file and cell.what != "export":
                    self._finish(replace(cell, reason="The file could not be exported."))
            return
        digest = {"file": export.files[export.file]}
        names = [export.file, manifest_path(Path(export.file)).name]
        options = {"options": identity.of_text(to_json(replace(self._plan.wishes, output=None)))}
        for device in self._plan.devices:
            cell = self._cells[export.file, "latency", device]
            info = self._devices[device]
            if not _is_measured(export.file):
                self._finish(replace(cell, reason="No runtime on devices runs such files."))
            elif isinstance(info, str):
                self._finish(
                    self._measured_before(cell, {**digest, **options}, info)
                    or replace(cell, status=Status.FAIL, reason=info)
                )
            else:
                inputs = {**digest, **options, "device": identity.of_text(to_json(info))}
                self._add(cell, inputs, partial(self._latency, export.file, names, device, info), device)
        if self._plan.data is not None:
            cell = self._cells[export.file, "accuracy", self._plan.data.name]
            self._add(cell, {**digest, **self._data_inputs}, partial(self._accuracy, export.file, names))

    def _measured_before(self, cell: Cell, inputs: dict[str, str], why_not_now: str) -> Cell | None:
        """What a device that does not answer was measured to take, if only it could be another one by now."""
        before = self._results.cells[cell.place]
        known = {name: value for name, value in before.inputs.items() if name != "device"}
        if known != {**inputs, **tools()} or self._results.finished(cell.place, before.key) is None:
            return None
        self._step("", f"{cell.file} on {cell.on} keeps its earlier result: {why_not_now}")
        return before

    def _add(self, cell: Cell, inputs: dict[str, str], job: Callable[[], Job], device: str | None = None) -> None:
        own = {**inputs, **tools()}
        cell = replace(cell, inputs=own, key=identity.key_of(own))
        if found := self._results.finished(cell.place, cell.key):
            self._finish(found)
        else:
            self._announce(cell)
            self._waiting.append(_Task(f"{cell.file} on {cell.on}", (cell,), job, device))

    def _latency(self, file: str, names: list[str], device: str, info: DeviceInfo) -> LatencyJob:
        folder = self._results.folder
        command = profile_command(folder / file, device, self._plan.wishes)
        return LatencyJob(
            file,
            str(folder / file),
            read(folder, names),
            device,
            info,
            replace(self._plan.wishes, command_line=command),
            report_name(file, device, "latency"),
        )

    def _accuracy(self, file: str, names: list[str]) -> AccuracyJob:
        assert self._plan.data is not None
        folder = self._results.folder
        command = evaluate_command(folder / file, self._plan.data)
        name = report_name(file, self._plan.data.name, "accuracy")
        return AccuracyJob(file, read(folder, names), self._plan.data, self._data_inputs, command, name)

    def _send(self, workers: Workers) -> None:
        """Send jobs ahead; what is measured on this machine when all others are done."""
        for task in list(self._waiting):
            ahead = _AHEAD if task.device is None else _AHEAD_ON_A_DEVICE
            others = workers.busy_but_for(_THIS_MACHINE) or any(one.device != _THIS_MACHINE for one in self._waiting)
            if workers.busy(task.device) < ahead and not (task.device == _THIS_MACHINE and others):
                self._waiting.remove(task)
                workers.submit(task.job(), task, task.name, task.device)

    def _take(self, task: _Task, made: Sequence[Made]) -> None:
        """Keep what a job made, and go on with it."""
        self._step(task.name, DONE)
        results = made if len(made) == len(task.cells) else [made[0]] * len(task.cells)
        for cell, one in zip(task.cells, results, strict=True):
            reason = one.reason.replace(one.folder, str(self._results.folder)) if one.folder else one.reason
            done = replace(cell, status=one.status, reason=reason, figures=dict(one.figures), seconds=one.seconds)
            contents = dict(one.contents)
            if one.manifest is not None and task.request is not None:
                manifest = _as_seen_from(self._results.folder, one.manifest, task.request)
                contents[manifest_path(Path(cell.file)).name] = to_json(manifest).encode()
            try:
                done = self._results.keep(done, contents, one.log)
            except OutputError as error:
                done = replace(done, status=Status.FAIL, reason=str(error), figures={}, files={})
                self._results.cells[done.place] = done
            if done.status is Status.FAIL:
                self._step(task.name, f"{done.file}: failed: {done.reason}")
            self._finish(done)
            if done.what == "export":
                self._continue(done)

    def _finish(self, cell: Cell) -> None:
        self._cells[cell.place] = self._results.cells[cell.place] = cell
        self._finished.add(cell.place)
        self._progress(len(self._finished), len(self._cells))

    def _announce(self, cell: Cell) -> None:
        """Say why an earlier result is made anew."""
        before = self._results.cells.get(cell.place)
        if before is None or not before.files:
            return
        names = [name for name in {**before.inputs, **cell.inputs} if before.inputs.get(name) != cell.inputs.get(name)]
        if not before.key:
            why = "it was not finished"
        else:
            why = f"another {', '.join(names)}" if names else "its files were changed or removed"
        self._step("", f"{cell.file}{f' on {cell.on}' if cell.on else ''} is made anew: {why}")


def _asked_here(job: DeviceJob, step: NamedStep) -> DeviceInfo | str:
    try:
        with temporary() as folder:
            (made,) = job.run(folder, lambda _, doing: step(job.device, doing))
    except CaDeployError as error:
        return str(error)
    return made.value or made.reason


def _is_measured(file: str) -> bool:
    return any(Path(file).suffix in runtime.suffixes for runtime in measurable_runtimes().values())


def _as_seen_from(folder: Path, manifest: Manifest, request: ExportRequest) -> Manifest:
    """The manifest as an export into the folder writes it."""
    model = replace(manifest.model, source=source_beside(request.source, folder))
    images = manifest.images
    if images is not None and images.place is not None:
        spec = load_spec(request.calibration or "")
        images = replace(images, place=place_beside(spec.folder or spec.file or Path(), folder))
    return replace(manifest, model=model, images=images)
