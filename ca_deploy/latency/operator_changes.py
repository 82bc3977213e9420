"""Two measurements of ``--ops``, kind of operator by kind of operator and module by module."""

from collections.abc import Mapping

from ca_deploy.records.latency import Measurement
from ca_deploy.records.statistics import PartChange

OUTSIDE = "outside of operators"
_Parts = Mapping[str, tuple[float, int]]


def has_operators(found: Measurement) -> bool:
    return found.operators is not None or found.operator_counts is not None


def operator_changes(old: Measurement, new: Measurement) -> tuple[PartChange, ...]:
    """By kind of operator; () unless both measurements have operators."""
    return _changes(_kinds(old), _kinds(new)) if has_operators(old) and has_operators(new) else ()


def module_changes(old: Measurement, new: Measurement) -> tuple[PartChange, ...]:
    """By PyTorch module; () unless both measurements have operators."""
    return _changes(_modules(old), _modules(new)) if has_operators(old) and has_operators(new) else ()


def _changes(before: _Parts, after: _Parts) -> tuple[PartChange, ...]:
    """The largest change first, whether up or down."""
    none = (0.0, 0)
    found = [
        PartChange(name, *before.get(name, none), *after.get(name, none)) for name in dict.fromkeys([*before, *after])
    ]
    return tuple(sorted(found, key=lambda part: -abs(part.after - part.before)))


def _kinds(found: Measurement) -> _Parts:
    """Millions of instructions, or ms, and how many operators."""
    if found.operator_counts is not None:
        counts = found.operator_counts
        kinds = {group.name: (group.instructions / 1e6, group.count) for group in counts.by_operator}
        return {**kinds, OUTSIDE: (counts.outside_instructions / 1e6, 0)}
    return {row.name: (row.median_ms, row.count) for row in found.operators.by_operator} if found.operators else {}


def _modules(found: Measurement) -> _Parts:
    if found.operator_counts is not None:
        return {group.name: (group.instructions / 1e6, group.count) for group in found.operator_counts.by_module}
    return {row.name: (row.median_ms, row.count) for row in found.operators.by_module} if found.operators else {}
