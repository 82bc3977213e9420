"""One inference of a device's runner on one input, for its outputs or its instructions."""

from pathlib import Path

from ca_deploy.devices import Device
from ca_deploy.native.bundle import runner_command

ONCE = ["--runs", "1", "--min-seconds", "0", "--warmup-runs", "0", "--warmup-seconds", "0"]


def command_for(device: Device, runtime: str, model: Path, image: Path) -> list[str]:
    """The command that reads ``image``, the input's bytes, and writes ``answer0.bin`` into the scratch folder."""
    runner = runner_command(device.probe(), runtime)
    places = device.push([*runner.files, model, image])
    argv = [*runner.argv(places), "--model", places[model], "--input", places[image], *ONCE]
    return [*argv, "--output-prefix", f"{device.scratch()}/answer"]
