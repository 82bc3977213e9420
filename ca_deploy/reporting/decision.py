"""What a recommendation rests on: the files, what they were compared by, and which of them could not be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ca_deploy.reporting.found import Shipped
from ca_deploy.reporting.measures import Costs, Qualities


@dataclass(frozen=True, slots=True)
class Decision:
    """All files by label; the first of ``costs`` decides.

    Of the files that nothing speaks against, ``good`` are good enough and their cost is known, ``unpriced`` are good
    enough and their cost is not, and of ``unjudged`` the quality was not measured. ``within``: what may be given up.
    """

    files: Mapping[str, Shipped]
    quality: Qualities
    costs: Sequence[Costs]
    within: float
    good: Sequence[str]
    unpriced: Sequence[str]
    unjudged: Sequence[str]
    recommended: str | None

    @property
    def cost(self) -> Costs:
        return self.costs[0]
