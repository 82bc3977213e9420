"""The verb ``report``: what a folder holds of our records, what belongs to which file, and which file to ship."""

from dataclasses import dataclass

from ca_deploy.records.report import Choice
from ca_deploy.reporting.found import Collection


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in folders, and what follows; ``made_on`` is the day, ``version`` that of ca-deploy."""

    collection: Collection
    choices: tuple[Choice, ...]
    made_on: str
    version: str
