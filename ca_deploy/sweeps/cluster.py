"""Workers of Dask distributed: here in an embedded cluster, or on the machines of a scheduler."""

import queue
import threading
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ca_deploy.delivery.scratch import temporary
from ca_deploy.devices import canonical_name
from ca_deploy.errors import CaDeployError, RuntimeUnavailable, UsageError, first_line
from ca_deploy.plugins import not_installed
from ca_deploy.processes.cores import cores
from ca_deploy.processes.memory import converters_that_fit
from ca_deploy.progress import Counted, NamedStep, Step
from ca_deploy.records.parity import Status
from ca_deploy.sweeps import tools
from ca_deploy.sweeps.embedded import Resources, cluster
from ca_deploy.sweeps.jobs import Job, Made
from ca_deploy.sweeps.scheduler import CONNECT_S, cannot_be_reached, refuse_others, without_logs

if TYPE_CHECKING:
    from distributed import Client, Future

_LOOK_EVERY_S = 2.0
_GONE_S = 60.0  # a worker that was killed comes back in seconds
_one_at_a_time = threading.Lock()  # in a worker: a converter takes the memory that there is


def refuse_without_dask() -> None:
    """
    Raises:
        RuntimeUnavailable: the extra ``sweep`` is not installed.
    """
    if not_installed(["distributed"]):
        raise RuntimeUnavailable(
            "This runs on Dask, which is missing. Install the extra: pip install 'ca-deploy[sweep]', or "
            "in a checkout pip install -e '.[sweep]'"
        )


class Workers:
    """The workers of a scheduler, and the jobs that they have."""

    def __init__(self, client: "Client", name: str, step: NamedStep) -> None:
        self._client, self._name, self._step = client, name, step
        self._done: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self._jobs: dict[str, tuple[Future, Any, str | None]] = {}
        self._missing: dict[str, float] = {}  # device -> since when
        self._has_workers = True
        self._topic = f"ca-deploy-{client.id}"
        client.subscribe_topic(self._topic, lambda event: step(*event[1]))

    def check(self, devices: Sequence[str]) -> None:
        """
        Raises:
            UsageError: there are no workers, they have other versions, or a device is not offered by exactly one.
        """
        found = self._workers()
        if not found:
            raise UsageError(
                f"The scheduler {self._name} has no workers. Start some: dask worker {self._name} --nthreads 1"
            )
        answers = self._client.run(tools.everything, on_error="return")
        for worker, theirs in sorted(answers.items()):
            if not isinstance(theirs, dict):
                raise UsageError(
                    f"Worker {worker} cannot run ca-deploy ({first_line(theirs)}). Install the same version there."
                )
            if differing := tools.differences(_ours(), theirs):
                raise UsageError(
                    f"Worker {worker} has other versions than this machine: {differing}. Its files would be others: "
                    "install the same versions everywhere, with constraints.txt."
                )
        for device in devices:
            offered = sum(found_resources.get(resource_of(device), 0) for found_resources in found.values())
            if offered != 1:
                raise UsageError(
                    f"Device {device} is offered {offered:g} times by the workers of {self._name}; it takes one job at "
                    "a time, from one machine. Start exactly one worker there with it: "
                    f'dask worker {self._name} --nthreads 1 --resources "{resource_of(device)}=1"'
                )

    def count(self) -> int:
        """How many workers there are now."""
        return len(self._workers())

    def submit(self, job: Job, tag: Any, name: str, device: str | None = None) -> None:
        """Start a job called ``name``; :meth:`finished` gives it back with ``tag``."""
        future = self._client.submit(
            partial(carry_out, job, name, self._topic, _ours(), device),
            key=f"{name}-{uuid.uuid4()}",
            resources={resource_of(device): 1} if device else None,
            pure=False,
        )
        self._jobs[future.key] = future, tag, device
        future.add_done_callback(self._done.put)

    def busy(self, device: str | None) -> int:
        """How many jobs with a device, or without one, are not finished."""
        return sum(used == device for _, _, used in self._jobs.values())

    def busy_but_for(self, device: str) -> bool:
        """Whether any other job is not finished."""
        return any(used != device for _, _, used in self._jobs.values())

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def finished(self) -> tuple[Any, list[Made]]:
        """Wait for any job; returns its tag, and what it made. A worker that died is replaced by another.

        Raises:
            CaDeployError: the connection to the scheduler is lost.
        """
        while True:
            try:
                future = self._done.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                self._refuse_a_lost_scheduler()
                gone = self._gone_devices()
                for key, (waiting, tag, device) in list(self._jobs.items()):
                    if device in gone and not waiting.done():
                        del self._jobs[key]
                        waiting.cancel()
                        return tag, [Made(Status.FAIL, f"The worker with device {device} is gone.")]
                continue
            if future.key not in self._jobs:
                continue
            if future.cancelled():
                raise self._lost()
            _, tag, _ = self._jobs.pop(future.key)
            return tag, _made(future)

    def _workers(self) -> dict[str, Resources]:
        try:  # scheduler_info() may give what the client asked for at the same time by itself, without workers
            found = self._client.sync(self._client.scheduler.identity, n_workers=-1)["workers"]
        except OSError as error:
            raise self._lost() from error
        return {address: worker["resources"] for address, worker in found.items()}

    def _gone_devices(self) -> set[str]:
        """The devices of unfinished jobs that no worker has offered for some time."""
        workers = self._workers()
        if not workers and self._has_workers:
            self._step("", f"no worker is connected to {self._name}: waiting for one")
        self._has_workers = bool(workers)
        offered = {name for resources in workers.values() for name in resources}
        used = {device for _, _, device in self._jobs.values() if device is not None}
        now = time.monotonic()
        self._missing = {
            device: self._missing.get(device, now) for device in used if resource_of(device) not in offered
        }
        return {device for device, since in self._missing.items() if now - since >= _GONE_S}

    def _refuse_a_lost_scheduler(self) -> None:
        if self._client.status != "running":
            raise self._lost()

    def _lost(self) -> CaDeployError:
        return CaDeployError(
            f"The connection to the scheduler {self._name} is lost. Run the same again; what a sweep finished is kept."
        )


@contextmanager
def embedded(jobs: int, devices: Sequence[str], wanted: int | None, step: NamedStep) -> Iterator[Workers]:
    """Workers on this machine: as many as ``wanted``, or as fit into memory and have a core; the devices are theirs."""
    count = wanted or max(1, min(jobs, converters_that_fit(cores())))
    shares: list[dict[str, float]] = [{} for _ in range(count)]
    for number, device in enumerate(devices):
        shares[number % count][resource_of(device)] = 1
    step("", f"starting {count} worker{'s' if count > 1 else ''} on this machine")
    with temporary() as scratch, cluster(shares, scratch) as address, connected(address, step) as workers:
        yield workers


@contextmanager
def connected(address: str, step: NamedStep) -> Iterator[Workers]:
    """The workers of a scheduler.

    Raises:
        UsageError: it cannot be reached, or is something else.
    """
    from distributed import Client

    with ExitStack() as opened:
        opened.enter_context(without_logs())
        opened.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", module="distributed")  # files of some MB in a job; versions, which we compare
        refuse_others(address)
        try:
            client = opened.enter_context(Client(address, timeout=CONNECT_S, set_as_default=False))
        except (OSError, ValueError, ImportError) as error:
            raise cannot_be_reached(address, error) from error
        yield Workers(client, address, step)


def resource_of(device: str) -> str:
    """What a worker offers that has the device: ``device:adb``."""
    return f"device:{device}"


def carry_out(job: Job, name: str, topic: str, expected: Mapping[str, str], device: str | None = None) -> list[Made]:
    """In a worker, which may have joined after the check: do one job after another, and report its progress."""
    from distributed import get_worker

    worker = get_worker()
    if differing := tools.differences(expected, tools.everything()):
        return [Made(Status.FAIL, f"Worker {worker.address} has other versions than the client: {differing}.")]

    def step(inner: str, doing: str | Counted) -> None:
        if isinstance(doing, str):
            worker.log_event(topic, (f"{name}.{inner}" if inner else name, doing))

    with _alone_on(device, partial(step, "")), _one_at_a_time, temporary() as folder:
        started = time.perf_counter()
        try:
            made = job.run(folder, step)
        except CaDeployError as error:
            made = [Made(Status.FAIL, str(error), folder=str(folder))]
    return [replace(one, seconds=time.perf_counter() - started) for one in made]


@contextmanager
def _alone_on(device: str | None, step: Step) -> Iterator[None]:
    """In a worker: let one job at a time use a device, whichever workers offer it, and whose job it is.

    The scheduler takes the lease of a worker that has died away, after ``distributed.scheduler.locks.lease-timeout``.
    """
    if device is None:
        yield
        return
    from distributed import Semaphore

    lease = Semaphore(1, f"ca-deploy-{canonical_name(device)}")
    if not lease.acquire(timeout=_LOOK_EVERY_S):
        step(f"waiting for {device}, which another job uses")
        lease.acquire()
    try:
        yield
    finally:
        lease.release()


def _made(future: "Future") -> list[Made]:
    """The result of a job; an error of another kind is the job's too, and no reason to end the others."""
    error = future.exception()
    if error is None:
        found: list[Made] = future.result()
        return found
    return [Made(Status.FAIL, f"{type(error).__name__}: {first_line(error)}")]


def _ours() -> dict[str, str]:
    return tools.everything()
