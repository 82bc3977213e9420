"""What the LiteRT that ``profile`` sends to devices makes of a model: that very library, asked by the same runner.

It is a library for aarch64, so on another machine QEMU runs it. It says how many nodes its XNNPACK delegate takes, in
how many pieces, and which operators it leaves to the CPU, in order; which nodes these are is found from that.
"""

import itertools
import math
import platform
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

from ca_deploy.delivery.scratch import temporary
from ca_deploy.errors import RuntimeUnavailable, shown
from ca_deploy.graphs import CONTROL_FLOW, Graph, flatbuffer, tflite
from ca_deploy.graphs.subgraphs import with_first
from ca_deploy.native import emulator
from ca_deploy.native.bundle import runner_command
from ca_deploy.native.libraries import LIBRARIES
from ca_deploy.processes.commands import run
from ca_deploy.processes.time_limit import advice, time_limit_s
from ca_deploy.records.codec import Unreadable, parse_json
from ca_deploy.records.devices import Core, DeviceInfo
from ca_deploy.targets._partitions import partitions
from ca_deploy.targets._whole import Whole

VERSION = LIBRARIES["litert"].version
_PROCESSOR = emulator.PROCESSORS["cortex-a76"]
_ONCE = ("--runs", "1", "--warmup-runs", "0", "--warmup-seconds", "0", "--min-seconds", "0", "--ops")
_MOST_TRIED = 5000  # choices of nodes


@dataclass(frozen=True, slots=True)
class _Delegated:
    """What the runner says of one subgraph: how many of its nodes the delegate takes, in how many pieces."""

    nodes: int
    pieces: int


def sent_whole(path: Path, likely: Collection[int]) -> Whole:
    """All subgraphs; ``likely`` are the nodes that another version's delegate takes.

    Raises:
        RuntimeError: the library does not run the model.
        RuntimeUnavailable: the library does not run here.
    """
    model = tflite.load(path)
    taken: set[int] = set()
    count = begin = 0
    with temporary() as folder:
        for index, graph in enumerate(tflite.subgraphs(model, path)):
            file = path
            if index or flatbuffer.keeps_weights_outside(path.read_bytes()):
                file = folder / f"{index}.tflite"
                file.write_bytes(flatbuffer.write(with_first(model, index)))
            answer = _ask(file)
            found = answer["delegate"]
            left = [operator["type"] for operator in answer["ops"] if operator["delegate"] is None]
            own = {node - begin for node in likely if begin <= node < begin + len(graph.nodes)}
            whole = _Delegated(found["delegated_nodes"], found["partitions"])
            taken |= {begin + node for node in _nodes(graph, left, whole, own)}
            count += found["partitions"]
            begin += len(graph.nodes)
    return Whole(frozenset(taken), count)


def _ask(file: Path) -> dict[str, Any]:
    """The runner's answer after one inference."""
    arm = platform.machine() == "aarch64"
    if not arm and (reason := emulator.missing()):
        raise RuntimeUnavailable(f"LiteRT {VERSION} as profile sends it is a library for ARM, and {reason}.")
    info = DeviceInfo("", "", "", "aarch64", _PROCESSOR.features, (Core(0, _PROCESSOR.part, None),))
    command = runner_command(info, "litert")
    start = [] if arm else emulator.qemu_command(_PROCESSOR, emulator.sysroot(_PROCESSOR))
    argv = [*start, *command.argv({file: str(file) for file in command.files}), "--model", str(file), *_ONCE]
    limit_s = time_limit_s(file)
    try:
        done = run(argv, limit_s)
    except TimeoutExpired as error:
        raise RuntimeUnavailable(
            f"LiteRT {VERSION} did not run {file.name} within {limit_s:.0f} s. {advice()}"
        ) from error
    lines = done.stdout.decode(errors="replace").strip().split("\n")
    try:
        answer = parse_json(lines[-1])
    except Unreadable:
        answer = {"error": f"its process ended with {done.returncode}"}
    if "error" in answer:
        raise RuntimeError(shown(str(answer["error"]).replace(str(file), file.name), 160))
    return dict(answer)


def _nodes(graph: Graph, left: list[str], whole: _Delegated, likely: Collection[int]) -> set[int]:
    """The nodes that are taken, where those of the operators ``left`` are not.

    Where an operator is only left in part, the choice is one that gives as many nodes and pieces, best of ``likely``
    nodes. Control flow runs operators of other subgraphs, too, which are among those that were left.
    """
    everything = set(range(len(graph.nodes)))
    flows = any(node.operator in CONTROL_FLOW for node in graph.nodes)
    choices = []
    for operator, count in Counter(left).items():
        nodes = [node.index for node in graph.nodes if node.operator == operator]
        nodes.sort(key=lambda index: index in likely)
        most = min(count, len(nodes))
        counts = range(most, -1, -1) if flows and operator not in CONTROL_FLOW else (most,)
        choices.append([chosen for number in counts for chosen in _first_choices(nodes, number)])
    first: set[int] | None = None
    for chosen in itertools.islice(itertools.product(*choices), _MOST_TRIED):
        taken = everything - set(itertools.chain(*chosen))
        first = taken if first is None else first
        if len(taken) == whole.nodes and len(partitions(graph, taken)) == whole.pieces:
            return taken
    return first if first is not None else everything


def _first_choices(nodes: list[int], count: int) -> list[tuple[int, ...]]:
    few = math.comb(len(nodes), count) <= _MOST_TRIED
    found: Iterator[tuple[int, ...]] = itertools.combinations(nodes, count)
    return list(found if few else itertools.islice(found, _MOST_TRIED))
