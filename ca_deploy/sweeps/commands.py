"""The commands that make results of a sweep again, one by one."""

from collections.abc import Iterator
from pathlib import Path

from ca_deploy.latency.jobs import Wishes


def profile_command(file: Path, device: str, wished: Wishes) -> tuple[str, ...]:
    """Prints the latency of a file on a device."""
    return ("ca-deploy", "profile", str(file), "--device", device, *_options(wished), "--json")


def evaluate_command(file: Path, data: Path) -> tuple[str, ...]:
    """Prints the accuracy of a file on labelled photos."""
    return ("ca-deploy", "evaluate", str(file), "--data", str(data), "--json")


def _options(wished: Wishes) -> Iterator[str]:
    """As `ca-deploy profile` takes what SWEEP.toml may wish."""
    usual = Wishes()
    if wished.threads != usual.threads:
        yield from ("--threads", ",".join(map(str, wished.threads)))
    if wished.protocol.name != usual.protocol.name:
        yield from ("--protocol", wished.protocol.name)
    if wished.minutes is not None:
        yield from ("--minutes", str(wished.minutes))
    if wished.operators:
        yield "--ops"
