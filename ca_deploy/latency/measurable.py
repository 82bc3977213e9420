"""Which runtimes can be measured on devices, and which of them runs a file."""

from pathlib import Path

from ca_deploy.errors import ArtifactError, UsageError
from ca_deploy.graphs import check_place
from ca_deploy.runtimes import OnDevice, Runtime, find_runtime, runtime_names


def measurable_runtimes() -> dict[str, Runtime]:
    """The runtimes that the runners are built for, by name."""
    found = {name: find_runtime(name)[0] for name in runtime_names()}
    return {name: runtime for name, runtime in found.items() if runtime.on_device is not None}


def on_device(runtime: Runtime) -> OnDevice:
    """How a runtime is measured on devices.

    Raises:
        UsageError: it is not one of :func:`measurable_runtimes`.
    """
    if runtime.on_device is None:
        raise UsageError(f"Runtime {runtime.name} is not measured on devices; {', '.join(measurable_runtimes())} are.")
    return runtime.on_device


def runtime_of(file: Path, wanted: str | None = None) -> Runtime:
    """The runtime that runs a file on devices.

    Raises:
        ArtifactError: no such file, or of a kind that no runtime runs on devices.
        UsageError: ``wanted`` does not run this kind of file.
    """
    runtimes = measurable_runtimes()
    able = [runtime for runtime in runtimes.values() if file.suffix in runtime.suffixes]
    if not able:
        known = ", ".join(f"{suffix} ({name})" for name, runtime in runtimes.items() for suffix in runtime.suffixes)
        raise ArtifactError(f"{file} cannot be measured on a device: `ca-deploy profile` takes {known}.")
    check_place(file)
    if wanted is None:
        return able[0]
    for runtime in able:
        if runtime.name == wanted:
            return runtime
    raise UsageError(f"--runtime {wanted} does not run {file.name}; {able[0].name} does. Leave --runtime out.")
