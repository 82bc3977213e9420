"""Time per operator and per PyTorch module, from the samples of a separate run."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ca_deploy.errors import RuntimeUnavailable
from ca_deploy.latency.modules import attention_in, block_of, modules_of
from ca_deploy.latency.runner_output import OperatorSamples
from ca_deploy.records.latency import OperatorProfile, OperatorTime

NO_MODULE = "(no module)"


def profile_operators(file: Path, operators: Sequence[OperatorSamples], source: str) -> OperatorProfile:
    """The time of a group is the sum of its operators' medians, so that the groups add up to the total.

    The runtimes' profilers count whole microseconds: where every operator takes less, all times and shares are 0.

    Raises:
        RuntimeUnavailable: there are no samples.
    """
    operators = without_wrappers([operator for operator in operators if operator.ns])
    if not operators:
        raise RuntimeUnavailable(f"{file.name}: the runtime reported no operator times.")
    medians = np.array([np.median(operator.ns) for operator in operators]) / 1e6
    modules = modules_of(file, operators)
    attention = np.array(list(map(attention_in(file), modules)))
    return OperatorProfile(
        runs=min(len(operator.ns) for operator in operators),
        total_ms=float(medians.sum()),
        by_operator=_grouped([operator.type for operator in operators], medians),
        by_module=_grouped([block_of(module) or NO_MODULE for module in modules], medians),
        attention_percent=_percent(medians[attention].sum(), medians.sum()) if attention.any() else None,
        source=source,
    )


def without_wrappers(operators: Sequence[OperatorSamples]) -> list[OperatorSamples]:
    """Drop the entry of the delegate where its operators are reported individually: it holds their sum.

    XNNPACK's operators have their layout and types in parentheses, as in ``Mean (ND)``; TFLite's do not.
    """
    if not any("(" in operator.type for operator in operators):
        return list(operators)
    return [operator for operator in operators if "delegate" not in operator.type.lower()]


def _grouped(names: Sequence[str], medians: NDArray[np.float64]) -> tuple[OperatorTime, ...]:
    """The slowest group first; ``medians`` in ms, one per operator."""
    sums: dict[str, float] = {}
    for name, median in zip(names, medians, strict=True):
        sums[name] = sums.get(name, 0.0) + float(median)
    total, counts = float(medians.sum()), Counter(names)
    rows = [OperatorTime(name, counts[name], ms, _percent(ms, total)) for name, ms in sums.items()]
    return tuple(sorted(rows, key=lambda row: -row.median_ms))


def _percent(part: float, total: float) -> float:
    return float(100 * part / total) if total else 0.0
