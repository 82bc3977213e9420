"""What a recommendation rests on: the files, what they were compared by, and which of them could not be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ca_deploy.reporting.found import Measured, Shipped
from ca_deploy.reporting.measures import Costs, Qualities


@dataclass(frozen=True, slots=True)
class Decision:
    """All files by label; the first of ``costs`` decides.

    Nothing speaks against the ``sound`` files. Of them ``good`` are good enough and their cost is known, ``unpriced``
    are good enough and their cost is not, and of ``unjudged`` the accuracy was not measured. ``within``: what may be
    given up. ``apart`` are files of other networks for the same job, which cannot be compared with these.
    """

    files: Mapping[str, Shipped]
    quality: Qualities
    costs: Sequence[Costs]
    within: float
    sound: Sequence[str]
    good: Sequence[str]
    unpriced: Sequence[str]
    unjudged: Sequence[str]
    recommended: str | None
    apart: Sequence[str] = ()

    @property
    def cost(self) -> Costs:
        return self.costs[0]

    @property
    def enough(self) -> Sequence[str]:
        """All that are good enough, whether their cost is known or not."""
        return (*self.good, *self.unpriced)

    @property
    def too_far(self) -> Sequence[str]:
        """All that are known to be not good enough."""
        return [label for label in self.sound if label not in (*self.enough, *self.unjudged)]

    @property
    def measured(self) -> Mapping[str, Measured]:
        """What the cost of the good ones was measured by; {} if it is their size."""
        return {label: self.cost.measured[label] for label in self.good if label in self.cost.measured}
