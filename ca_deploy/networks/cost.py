"""What the registered networks cost: parameters and multiply-adds, counted on the networks themselves.

PyTorch takes seconds to load. So the child process ``python -m ca_deploy.networks.cost <log>`` counts, once per version
of the networks, and the cache keeps what it found.
"""

import hashlib
import importlib
import inspect
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from ca_deploy.cache import cached
from ca_deploy.delivery.scratch import temporary
from ca_deploy.errors import DeviceError, WorkerError, first_line, last_line
from ca_deploy.processes import child
from ca_deploy.progress import Step, no_step
from ca_deploy.records.codec import decode, parse_json, to_json
from ca_deploy.records.model import registered_models
from ca_deploy.records.network_cost import NetworkCost

_MODELS = Path(__file__).parents[1] / "models"
_FILE = "costs.json"


def costs(step: Step = no_step) -> list[NetworkCost]:
    """Every registered network by name, at width 1 and at each width of which its TOML has published figures.

    ``step`` is called when they have to be counted, which takes some seconds.

    Raises:
        UsageError: a TOML is malformed.
        WorkerError: the process that counts crashed.
    """
    rows = _rows()

    def make(folder: Path) -> None:
        step("counting parameters and multiply-adds")
        (folder / _FILE).write_text(to_json({"costs": _counted(rows)}), encoding="utf-8")

    seen = hashlib.sha256(metadata.version("torch").encode())
    for path in sorted([*_MODELS.glob("*.py"), *_MODELS.glob("*.toml"), Path(__file__)]):
        seen.update(path.name.encode() + b"\0" + path.read_bytes())
    try:
        kept = parse_json((cached(f"network-costs-{seen.hexdigest()[:16]}", make) / _FILE).read_bytes())
    except DeviceError:  # the cache cannot be written
        return _counted(rows)
    return [decode(NetworkCost, row) for row in kept["costs"]]


def _rows() -> list[NetworkCost]:
    found = []
    for name, model in registered_models().items():
        by_width = {figures.width: figures for figures in model.published}
        for width in sorted({1.0, *by_width}, reverse=True):
            row = NetworkCost(name, model.description, model.input_size, width, published=by_width.get(width))
            found.append(row)
    return found


def _counted(rows: list[NetworkCost]) -> list[NetworkCost]:
    with temporary() as scratch:
        log = scratch / "log"
        with child.Child("ca_deploy.networks.cost", [str(log)], scratch) as counting:
            found: list[tuple[int | None, int | None, str]] = list(counting.events())
            if len(found) < len(rows):
                said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
                raise WorkerError(
                    f"The process that counts what the networks cost {counting.ending()}: {last_line(said)}"
                )
    return [
        replace(row, parameters=parameters, multiply_adds=multiply_adds, reason=reason)
        for row, (parameters, multiply_adds, reason) in zip(rows, found, strict=True)
    ]


def _count(row: NetworkCost) -> tuple[int, int]:
    """Parameters, and multiply-adds of one inference; nothing is computed, and no memory taken for weights."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    module, _, factory = registered_models()[row.name].factory.partition(":")
    build = getattr(importlib.import_module(module), factory)
    width = {"width": row.width} if "width" in inspect.signature(build).parameters else {}
    with torch.device("meta"), torch.inference_mode():
        network = build(**width).eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, 3, row.input_size, row.input_size))
    return sum(parameter.numel() for parameter in network.parameters()), counter.get_total_flops() // 2


if __name__ == "__main__":
    report = child.reporter(sys.argv[1])
    for row in _rows():
        try:
            report((*_count(row), ""))
        except Exception as error:  # one network that cannot be built does not hide the others
            report((None, None, f"{type(error).__name__}: {first_line(error)}"))
