"""``ca_deploy.profile``: latency on a device."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.api._arguments import listed, several
from ca_deploy.errors import UsageError
from ca_deploy.progress import Step, no_step

if TYPE_CHECKING:
    from ca_deploy.records.latency import LatencyReport


def profile(
    files: Sequence[str | Path],
    device: str = "local",
    *,
    runtime: str | None = None,
    threads: int | Sequence[int] | str = 1,
    affinity: str | None = None,
    protocol: str | None = None,
    minutes: int | None = None,
    runs: int | None = None,
    min_seconds: float | None = None,
    starts: int | None = None,
    seed: int = 0,
    runner: str = "auto",
    benchmark_binary: Path | None = None,
    bundle: Path | None = None,
    operators: bool = False,
    verify: bool = False,
    inputs: Path | None = None,
    input_shape: str | Sequence[str] = (),
    output: Path | None = None,
    keep: bool = False,
    step: Step = no_step,
) -> "LatencyReport":
    """The latency of files on a device; several files are interleaved, and ranked from best to worst.

    Args:
        files: exported files, at least one.
        device: ``"local"``, ``"ssh://[user@]host[:port]"``, ``"adb[:SERIAL]"``, ``"emulated:cortex-a76"``.
        runtime: by default the one for the file's format.
        threads: a thread count, or several to measure each: ``(1, 2, 4)`` or ``"1,2,4"``.
        affinity: cores to run on: ``"big"``, ``"little"`` or a mask such as ``"0xf0"``.
        protocol: ``"quick"``, ``"standard"`` (the default), ``"publication"``, or ``"sustained"`` for lasting load.
        minutes: of lasting load, 30 by default.
        runs, min_seconds, starts: instead of a protocol: runs and seconds per process start, and process starts.
        seed: seeds the order in which files take turns.
        runner: ``"c"``, ``"python"`` or ``"auto"``.
        benchmark_binary: use this ``benchmark_model`` or ``onnxruntime_perf_test`` instead of a runner.
        bundle: take the runtime's libraries from this file.
        operators: also measure the time per operator and module.
        verify: also compare the device's outputs with this machine's.
        inputs: an ``.npz`` of samples to feed, instead of made-up values.
        input_shape: the shape of an input that the file leaves open: ``"1x3x224x224"``, or ``"image=1x3x224x224"`` for
            one of several, or ``"decode/image=1x3x224x224"`` in one of several signatures.
        output: folder for report, plot and raw outputs.
        keep: leave the files on the device.
        step: called with the progress in a few words.

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`. A failure after the first measurement is in
            ``LatencyReport.failures`` instead.
    """
    from ca_deploy.graphs import check_place
    from ca_deploy.graphs.not_models import refuse_others
    from ca_deploy.graphs.readers import by_suffix
    from ca_deploy.latency import session
    from ca_deploy.processes.typed import typed_command

    if isinstance(files, str | Path):
        files = (files,)
    if not files:
        raise UsageError("Nothing to measure: name files that `ca-deploy export` wrote, or reports with --compare.")
    wishes = session.wishes(
        runtime=runtime,
        threads=threads if isinstance(threads, str) else ",".join(map(str, several(threads))),
        affinity=affinity,
        protocol=protocol,
        minutes=minutes,
        runs=runs,
        min_seconds=min_seconds,
        starts=starts,
        seed=seed,
        runner=runner,
        benchmark_binary=benchmark_binary,
        bundle=bundle,
        operators=operators,
        verify=verify,
        inputs=inputs,
        input_shape=listed(input_shape),
        output=output,
        command_line=typed_command(),
    )
    for file in map(Path, files):
        refuse_others(file)
        if file.suffix in by_suffix():  # others are refused by what cannot measure them
            check_place(file)
    return session.profile_on(device, [Path(file) for file in files], wishes, keep, step)
