"""The JSON line that a runner prints, parsed."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Field

from ca_deploy.errors import RuntimeUnavailable, last_line, shown
from ca_deploy.records.codec import Unreadable, decode, parse_json
from ca_deploy.records.devices import Completed
from ca_deploy.records.latency import Nanoseconds
from ca_deploy.records.record import record
from ca_deploy.records.statistics import Statistics

# What a device may say: names of tensors can be long, but a megabyte is not a name.
Name = Annotated[str, Field(max_length=4096)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]


@record
class TensorOnDevice:
    """An input or output as the device's runtime sees it; ``type`` is numpy's name, or ``string``."""

    name: Name
    type: Name
    shape: tuple[Count, ...]


@record
class OperatorSamples:
    """One operator: its name, its kind, and its time per inference in ns."""

    name: Name
    type: Name
    ns: tuple[Nanoseconds, ...]


@record
class RunnerOutput:
    """One process of a runner; times in ns. ``summary`` replaces the samples where a program prints none."""

    runtime: Name
    runtime_version: Name
    load_ns: Nanoseconds
    first_ns: Nanoseconds
    warmup_ns: tuple[Nanoseconds, ...]
    invoke_ns: tuple[Nanoseconds, ...]
    start_ns: tuple[Nanoseconds, ...]
    set_input_ns: tuple[Nanoseconds, ...]
    get_output_ns: tuple[Nanoseconds, ...]
    delegate: Name | None
    inputs: tuple[TensorOnDevice, ...]
    outputs: tuple[TensorOnDevice, ...]
    peak_rss_kb: Count | None
    summary: Statistics | None = None


@record
class _Delegate:
    """Of the graph that ran, and of the branches and bodies of its control flow."""

    name: Name
    partitions: Count | None
    delegated_nodes: Count | None
    total_nodes: Count | None
    branch_partitions: Count = 0
    branch_delegated_nodes: Count = 0
    branch_nodes: Count = 0


def parse(completed: Completed, model: str, device: str) -> RunnerOutput:
    """What the runner found.

    Raises:
        RuntimeUnavailable: the runner failed; the message gives its reason, or how it ended.
    """
    return _read(completed, model, device, "invoke_ns", _typed)


def parse_operators(completed: Completed, model: str, device: str) -> tuple[OperatorSamples, ...]:
    """The operators of a run with ``--ops``, in order of execution.

    Raises:
        RuntimeUnavailable: the runner failed; the message gives its reason, or how it ended.
    """
    return _read(completed, model, device, "ops", _operators)


T = TypeVar("T")


def _read(completed: Completed, model: str, device: str, key: str, take: Callable[[dict[str, Any]], T]) -> T:
    lines = completed.stdout.decode(errors="replace").strip().split("\n")  # a name may contain U+2028
    try:
        content = parse_json(lines[-1])
    except Unreadable:
        content = {}
    if content.get(key) is None or completed.returncode != 0:
        raise RuntimeUnavailable(f"{model} does not run on {device}: {_reason(completed, content)}")
    try:
        return take(content)
    except Unreadable as error:
        raise RuntimeUnavailable(
            f"The runner on {device} answered for {model} in a format that this ca-deploy does not know "
            f"({error.faults[0]})."
        ) from error


def _known(kind: type[T], content: Any) -> T:
    """A record from those keys that it has; a later runner may print more."""
    if not isinstance(content, dict):
        content = {}
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    return decode(kind, {name: content[name] for name in names if name in content})


def _listed(content: Mapping[str, Any], key: str) -> list[Any]:
    found = content.get(key)
    return found if isinstance(found, list) else []


def _operators(content: dict[str, Any]) -> tuple[OperatorSamples, ...]:
    return tuple(_known(OperatorSamples, operator) for operator in _listed(content, "ops"))


def _reason(completed: Completed, content: Mapping[str, Any]) -> str:
    """From what is known to have happened; the last line of the runner's own output is only quoted."""
    if "error" in content:
        return shown(str(content["error"]))
    said = shown(last_line(completed.stderr.decode(errors="replace")) or "")
    last = f" It said: {said}" if said else ""
    code = completed.returncode
    if code in (137, -9):
        return f"the runner was killed. The device may be out of memory: close other programs.{last}"
    if code in (132, -4):
        return f"the runner used an instruction that this processor does not have.{last}"
    if code in (139, 134, 135, -11, -6, -7):
        return f"the runtime crashed (exit code {code}).{last}"
    if code in (126, 127):
        return f"the runner could not be started there (exit code {code}).{last}"
    if code == 0:
        return f"the runner's answer was cut off after {len(completed.stdout)} bytes.{last}"
    return f"the runner ended with exit code {code}.{last}"


def _typed(content: dict[str, Any]) -> RunnerOutput:
    delegate = content.get("delegate")
    words = None if delegate is None else _in_words(_known(_Delegate, delegate))
    tensors = {
        side: [dataclasses.asdict(_known(TensorOnDevice, tensor)) for tensor in _listed(content, side)]
        for side in ("inputs", "outputs")
    }
    return _known(RunnerOutput, {**content, **tensors, "delegate": words, "summary": None})


def _in_words(found: _Delegate) -> str:
    parts, nodes = "applied", ""
    if found.partitions is not None:
        count = found.partitions + found.branch_partitions
        parts = f"{count} partition{'' if count == 1 else 's'}"
    if found.delegated_nodes is not None:
        total = (found.total_nodes or 0) + found.branch_nodes
        nodes = f", {found.delegated_nodes + found.branch_delegated_nodes} of {total} nodes"
    return f"{found.name}: {parts}{nodes}"
