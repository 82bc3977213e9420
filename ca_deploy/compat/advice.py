"""Do the remedies for several targets contradict each other? What helps one may be what another rejects."""

from __future__ import annotations  # the records are only needed in annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ca_deploy.records.compat import CompatReport, Finding, Kind


def is_opposed(kind: Kind, report: CompatReport, others: Sequence[CompatReport]) -> bool:
    """Whether the remedy for a kind of findings of ``report`` contradicts one for another target."""
    return any(
        _contradict(report.members(kind), other.members(their)) and not _share_one(report, other, (kind, their))
        for other in others
        if other is not report
        for their in other.kinds
    )


def _share_one(report: CompatReport, other: CompatReport, kinds: tuple[Kind, Kind]) -> bool:
    """Whether both targets want one of two remedies, each for nodes of its own choice."""
    wanted = ({kind.example.remedy for kind in each.kinds} for each in (report, other))
    return not set.intersection(*wanted).isdisjoint(kind.example.remedy for kind in kinds)


def _contradict(mine: Sequence[Finding], theirs: Sequence[Finding]) -> bool:
    """Two recipes of different types, two changes of one operator, or a change to an operator that the other replaces.

    A recipe sets the types of a file and a change the operators of the network: one does not stand against the other.
    """
    one, other = mine[0], theirs[0]
    if not one.remedy or not other.remedy or one.remedy == other.remedy:
        return False
    if one.recipe or other.recipe:
        # tflite_static_wi8_ai8_int8_io is tflite_static_wi8_ai8, and more.
        return not (one.recipe.startswith(other.recipe) or other.recipe.startswith(one.recipe))
    my_operators, their_operators = ({finding.operator for finding in side} for side in (mine, theirs))
    return not (
        my_operators.isdisjoint({*their_operators, *other.introduces}) and their_operators.isdisjoint(one.introduces)
    )
