"""Does the device compute what this machine computes? Runs the same inputs through the same file on both."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ca_deploy.delivery.scratch import temporary
from ca_deploy.errors import RuntimeUnavailable
from ca_deploy.evaluation import metrics
from ca_deploy.graphs.input_shapes import Shape
from ca_deploy.latency.feeds import Arrays, Feeds, feeds_for, write_case
from ca_deploy.latency.measurable import on_device, runtime_of
from ca_deploy.latency.runner_output import RunnerOutput
from ca_deploy.records.latency import Verification
from ca_deploy.records.parity import Status
from ca_deploy.runtimes import Session, open_session

# Runs one case on the device: local input files -> the runner's output, and local copies of the output files.
RunThere = Callable[[Sequence[Path], Path], tuple[RunnerOutput, list[Path]]]


def verify(
    file: Path,
    run_there: RunThere,
    keep: Path | None = None,
    runtime: str | None = None,
    samples: Path | None = None,
    shapes: Sequence[Shape] = (),
) -> Verification:
    """Compare all outputs on a few inputs, as closely as the runtime on the device agrees with itself elsewhere.

    ``keep`` is an ``.npz`` to write inputs and both sides' outputs to; ``runtime`` as in :func:`runtime_of`;
    ``samples`` and ``shapes`` as in :func:`~ca_deploy.latency.feeds.feeds_for`.

    Raises:
        RuntimeUnavailable: the file does not run here, or not on the device.
    """
    demand_db = on_device(runtime_of(file, runtime)).agreement_db(file)
    session = open_session(file, threads=1)
    inputs = feeds_for(file, session, samples, shapes)
    here = [_run_here(session, feeds) for feeds in inputs.cases]
    there = []
    with temporary() as scratch:
        for number, (feeds, mine) in enumerate(zip(inputs.cases, here, strict=True)):
            folder = scratch / str(number)
            folder.mkdir()
            there.append(_run_case(file, mine, feeds, folder, run_there))
    if keep is not None:
        _save(keep, session, inputs, here, there)
    found = judge(here, there, demand_db, inputs.description, session.runtime)
    if found.status is Status.FAIL and session.settings:
        settings = " and ".join(f"{name} = {value}" for name, value in session.settings.items())
        found = replace(found, reason=f"{found.reason}; an x86 device without VNNI needs the option {settings}")
    return found


def judge(
    here: Sequence[Arrays], there: Sequence[Arrays], demand_db: float | None, inputs: str, runtime: str
) -> Verification:
    """Outputs of each case, here and there -> verdict; ``demand_db`` None demands equal bits."""
    pairs = [
        (mine.astype(np.float64).ravel(), its.astype(np.float64).ravel())
        for case, other in zip(here, there, strict=True)
        for mine, its in zip(case, other, strict=True)
    ]
    same = all(
        mine.tobytes() == its.tobytes()
        for case, other in zip(here, there, strict=True)
        for mine, its in zip(case, other, strict=True)
    )
    each = len(here[0])
    by_output = [
        tuple(np.concatenate(side) for side in zip(*pairs[number::each], strict=True)) for number in range(each)
    ]
    found_db = float(np.min([metrics.sqnr_db(mine, its) for mine, its in by_output]))
    failed = not (same if demand_db is None else found_db >= demand_db)
    return Verification(
        status=Status.FAIL if failed else Status.PASS,
        reason="the outputs differ by more than allowed" if failed else "",
        inputs=inputs,
        demanded="bit-exact" if demand_db is None else f"SQNR of {demand_db:g} dB or more",
        bit_exact=same,
        max_abs_error=max(metrics.max_abs_error(mine, its) for mine, its in by_output),
        sqnr_db=found_db if np.isfinite(found_db) else None,
        here=runtime,
    )


def _run_here(session: Session, feeds: Arrays) -> Arrays:
    answers = session.run({spec.name: value for spec, value in zip(session.inputs, feeds, strict=True)})
    return [answers[spec.name] for spec in session.outputs]


def _run_case(file: Path, here: Arrays, feeds: Arrays, folder: Path, run_there: RunThere) -> Arrays:
    said, written = run_there(write_case(feeds, folder), folder)
    wanted = [(mine.dtype.name, list(mine.shape)) for mine in here]
    found = [(output.type, list(output.shape)) for output in said.outputs]
    if found != wanted:
        raise RuntimeUnavailable(
            f"{file.name} gives {found} on the device, and {wanted} here: they cannot be compared."
        )
    return [
        np.frombuffer(path.read_bytes(), dtype).reshape(shape)
        for path, (dtype, shape) in zip(written, wanted, strict=True)
    ]


def _save(path: Path, session: Session, inputs: Feeds, here: Sequence[Arrays], there: Sequence[Arrays]) -> None:
    from ca_deploy.delivery import write_atomically

    content: dict[str, NDArray[Any]] = {}
    sides: Mapping[str, tuple[Sequence[Any], Sequence[Arrays]]] = {
        "input": (session.inputs, inputs.cases),
        "here": (session.outputs, here),
        "device": (session.outputs, there),
    }
    for side, (specs, cases) in sides.items():
        for index, spec in enumerate(specs):
            values = [case[index] for case in cases]
            if len({value.shape for value in values}) == 1:
                content[f"{side}/{spec.name}"] = np.stack(values)
            else:  # a size that depends on the values
                content |= {f"{side}/{spec.name}/{number}": value for number, value in enumerate(values)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **content)  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())
