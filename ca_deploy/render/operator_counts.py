"""Instructions per operator and per module -> blocks."""

from __future__ import annotations  # the records are slow to import, and only annotations need them

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ca_deploy.render.blocks import Block, Column, Line, Phrase, Table

if TYPE_CHECKING:
    from ca_deploy.records.latency import GroupCount, OperatorCounts

_ROWS_SHOWN = 12


def operator_counts(counts: OperatorCounts) -> Iterator[Block]:
    """Kinds of operators with what attention has of each, which add up to the whole inference; then modules."""
    total = counts.total_instructions
    attention = {group.name: group.instructions for group in counts.attention_by_operator}
    attention_total = sum(attention.values())
    shown, rest = _first(counts.by_operator)
    rows = [(*_group(group), _millions(attention.get(group.name))) for group in shown]
    if rest:
        left = attention_total - sum(attention.get(group.name, 0) for group in shown)
        rows.append((*_others(rest, "other kinds", total), _millions(left or None)))
    outside = counts.outside_instructions
    rows.append(("outside of operators", "", _millions(outside), f"{100 * outside / total:.1f}", ""))
    rows.append(("the whole inference", "", _millions(total), "100.0", _millions(attention_total or None)))
    columns = _columns("operator")
    if attention:
        columns = (*columns, Column("of it attention", "right"))
    else:
        rows = [row[:-1] for row in rows]
    yield Table(columns, tuple(rows))
    if attention:
        yield Line(f"attention costs {_millions(attention_total)}, {100 * attention_total / total:.1f} %", indent=2)
    shown, rest = _first(counts.by_module)
    modules = [_group(group) for group in shown]
    if rest:
        modules.append(_others(rest, "other modules", total))
    yield Table(_columns("module"), tuple(modules))
    profiler = _millions(counts.profiler_instructions)
    yield Line(f"{counts.source}; it would have added {profiler} instructions", indent=2)


def _first(groups: Sequence[GroupCount]) -> tuple[Sequence[GroupCount], Sequence[GroupCount]]:
    """Those to show, and the others; one alone is not left out, as its place would only be taken by a sum of one."""
    most = len(groups) if len(groups) == _ROWS_SHOWN + 1 else _ROWS_SHOWN
    return groups[:most], groups[most:]


def _columns(heading: str) -> tuple[Column, ...]:
    return (Column(heading), *(Column(name, "right") for name in ("count", "instructions", "%")))


def _group(group: GroupCount) -> tuple[Phrase, ...]:
    return (group.name, str(group.count), _millions(group.instructions), f"{group.percent:.1f}")


def _others(groups: Sequence[GroupCount], name: str, total: int) -> tuple[Phrase, ...]:
    instructions = sum(group.instructions for group in groups)
    count = str(sum(group.count for group in groups))
    return (f"{len(groups)} {name}", count, _millions(instructions), f"{100 * instructions / total:.1f}")


def _millions(instructions: int | None) -> str:
    return "" if instructions is None else f"{instructions / 1e6:.3f} M"
