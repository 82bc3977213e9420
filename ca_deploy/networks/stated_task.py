"""What is said of a network's task, without the network."""

from ca_deploy.records.model import ModelSource
from ca_deploy.tasks import find_head, find_task


def check_task(source: ModelSource) -> None:
    """
    Raises:
        UsageError: there is no such task, or it has no such head.
    """
    if source.task is not None:
        task = find_task(source.task)
        if source.head is not None:
            find_head(task, source.head)
