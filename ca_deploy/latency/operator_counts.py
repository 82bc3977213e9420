"""Instructions per operator and per PyTorch module, on an emulated device."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ca_deploy.devices import CountingDevice
from ca_deploy.errors import RuntimeUnavailable
from ca_deploy.latency import runner_output
from ca_deploy.latency.modules import attention_in, block_of, modules_of
from ca_deploy.latency.operators import NO_MODULE, without_wrappers
from ca_deploy.native.operator_counts import instructions_of
from ca_deploy.records.latency import GroupCount, OperatorCount, OperatorCounts

# These run others; what they do themselves, between them, is left outside.
_CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap", "IF", "WHILE", "CALL_ONCE", "STABLEHLO_WHILE", "STABLEHLO_CASE")


def count_operators(
    file: Path, device: CountingDevice, argv: Sequence[str], timeout_s: float, runtime: str
) -> OperatorCounts:
    """Run a file with the runtime's profiler, for its operators, and without, for what they take.

    Args:
        argv: the C runner's command, for one timed inference.

    Raises:
        RuntimeUnavailable: the file does not run, or its operators cannot be told apart.
    """
    profiled, trace = device.trace([*argv, "--ops"], timeout_s)
    named = without_wrappers(runner_output.parse_operators(profiled, file.name, device.name))
    ran = [operator for operator in named if operator.type not in _CONTROL_FLOW]
    plain, calls = device.count_calls(argv, trace.sites if trace else (), timeout_s)
    runner_output.parse(plain, file.name, device.name)
    spans = [operator.ns[-1] // 1000 for operator in ran if operator.ns]
    if trace is None or calls is None or not ran or len(spans) < len(ran):
        raise RuntimeUnavailable(f"{file.name}: the runtime reported no operators.")
    found = instructions_of(spans, trace, calls)
    if found is None:
        raise RuntimeUnavailable(
            f"{file.name}: the operators that {runtime} names are not found among the calls that it makes. "
            "Leave out --ops."
        )
    operators = tuple(
        OperatorCount(operator.name, operator.type, module, instructions)
        for operator, module, instructions in zip(ran, modules_of(file, ran), found, strict=True)
    )
    is_attention = attention_in(file)
    attention = [operator for operator in operators if is_attention(operator.module)]
    return OperatorCounts(
        total_instructions=calls.total,
        outside_instructions=calls.total - sum(found),
        profiler_instructions=trace.total - calls.total,
        by_operator=_grouped(operators, [operator.type for operator in operators], calls.total),
        by_module=_grouped(operators, [block_of(one.module) or NO_MODULE for one in operators], calls.total),
        attention_by_operator=_grouped(attention, [operator.type for operator in attention], calls.total),
        operators=operators,
        source=f"operators as the profiler of {runtime} names them, counted without it",
    )


def _grouped(operators: Sequence[OperatorCount], names: Sequence[str], total: int) -> tuple[GroupCount, ...]:
    """The most expensive group first."""
    sums: Counter[str] = Counter()
    for operator, name in zip(operators, names, strict=True):
        sums[name] += operator.instructions
    counts = Counter(names)
    return tuple(GroupCount(name, counts[name], value, 100 * value / total) for name, value in sums.most_common())
