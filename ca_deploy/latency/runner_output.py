"""The JSON line that a runner prints, parsed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ca_deploy.errors import RuntimeUnavailable, last_line
from ca_deploy.records.devices import Completed
from ca_deploy.records.statistics import Statistics


@dataclass(frozen=True, slots=True)
class TensorOnDevice:
    """An input or output as the device's runtime sees it; ``type`` is numpy's name."""

    name: str
    type: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OperatorSamples:
    """One operator: its name, its kind, and its time per inference in ns."""

    name: str
    type: str
    ns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RunnerOutput:
    """One process of a runner; times in ns. ``summary`` replaces the samples where a program prints none."""

    runtime: str
    runtime_version: str
    load_ns: int
    first_ns: int
    warmup_ns: tuple[int, ...]
    invoke_ns: tuple[int, ...]
    start_ns: tuple[int, ...]
    set_input_ns: tuple[int, ...]
    get_output_ns: tuple[int, ...]
    delegate: str | None
    inputs: tuple[TensorOnDevice, ...]
    outputs: tuple[TensorOnDevice, ...]
    peak_rss_kb: int | None
    summary: Statistics | None = None


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


def _read(completed: Completed, model: str, device: str, key: str, decode: Callable[[dict[str, Any]], T]) -> T:
    try:
        content = json.loads(completed.stdout.decode(errors="replace").strip().splitlines()[-1])
    except (IndexError, ValueError, RecursionError):
        content = {}
    if not isinstance(content, dict) or content.get(key) is None or completed.returncode != 0:
        raise RuntimeUnavailable(f"{model} does not run on {device}: {_reason(completed, content)}")
    try:
        return decode(content)
    except (KeyError, TypeError, ValueError) as error:
        raise RuntimeUnavailable(
            f"The runner on {device} answered for {model} in a format that this ca-deploy does not know ({error!r})."
        ) from error


def _operators(content: dict[str, Any]) -> tuple[OperatorSamples, ...]:
    return tuple(OperatorSamples(op["name"], op["type"], tuple(map(int, op["ns"]))) for op in content["ops"])


def _reason(completed: Completed, content: Any) -> str:
    if isinstance(content, dict) and "error" in content:
        return str(content["error"])
    said = last_line(completed.stderr.decode(errors="replace"))
    last = f" It said: {said}" if said else ""
    code = completed.returncode
    if code in (137, -9):
        return f"the runner was killed. The device may be out of memory: close other programs.{last}"
    if code in (132, -4):
        return f"the runner used an instruction that this processor does not have.{last}"
    if code == 0:
        return f"the runner's answer was cut off after {len(completed.stdout)} bytes.{last}"
    return f"the runner ended with exit code {code}.{last}"


def _typed(content: dict[str, Any]) -> RunnerOutput:
    def samples(name: str) -> tuple[int, ...]:
        return tuple(map(int, content[name]))

    return RunnerOutput(
        runtime=content["runtime"],
        runtime_version=content["runtime_version"],
        load_ns=content["load_ns"],
        first_ns=content["first_ns"],
        warmup_ns=samples("warmup_ns"),
        invoke_ns=samples("invoke_ns"),
        start_ns=samples("start_ns"),
        set_input_ns=samples("set_input_ns"),
        get_output_ns=samples("get_output_ns"),
        delegate=_in_words(content["delegate"]),
        inputs=tuple(_tensor(tensor) for tensor in content["inputs"]),
        outputs=tuple(_tensor(tensor) for tensor in content["outputs"]),
        peak_rss_kb=content["peak_rss_kb"],
    )


def _tensor(content: dict[str, Any]) -> TensorOnDevice:
    return TensorOnDevice(content["name"], content["type"], tuple(content["shape"]))


def _in_words(delegate: dict[str, Any] | None) -> str | None:
    if delegate is None:
        return None
    partitions, inside, total = (delegate[key] for key in ("partitions", "delegated_nodes", "total_nodes"))
    parts = "applied"
    if partitions is not None:
        parts = f"{partitions} partition{'' if partitions == 1 else 's'}"
    nodes = f", {inside} of {total} nodes" if inside is not None else ""
    return f"{delegate['name']}: {parts}{nodes}"
