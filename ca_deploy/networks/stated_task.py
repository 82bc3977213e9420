"""What is said of a network's task, without the network."""

from ca_deploy.errors import unknown_name
from ca_deploy.records.model import ModelSource
from ca_deploy.tasks import find_head, find_task, heads


def check_task(source: ModelSource) -> None:
    """
    Raises:
        UsageError: there is no such task, or it, or any task where none is named, has no such head.
    """
    task = find_task(source.task) if source.task is not None else None
    if source.head is None:
        return
    if task is not None:
        find_head(task, source.head)
    elif source.head not in (known := dict.fromkeys(name.rpartition("/")[2] for name in heads())):
        raise unknown_name("--head", source.head, known, "ca-deploy list heads")
