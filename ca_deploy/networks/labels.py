"""The names of a network's classes: a text file, or what a checkpoint carries."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ca_deploy.errors import UsageError, wrong_in_file
from ca_deploy.files import other_kind
from ca_deploy.records.model import ModelSource
from ca_deploy.records.signature import Signature

_MOST_LABEL_BYTES = 16 * 2**20


def labels_of(source: ModelSource, metadata: dict[str, Any]) -> tuple[str, ...] | None:
    if source.labels is None:
        carried = metadata.get("labels")
        return tuple(carried) if carried else None
    try:
        if kind := other_kind(source.labels):
            raise OSError(f"it {kind}")
        if source.labels.stat().st_size > _MOST_LABEL_BYTES:
            raise OSError("it is larger than 16 MB")
        lines = source.labels.read_text(encoding="utf-8-sig").splitlines()  # Windows' editors begin with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"--labels {source.labels} cannot be read ({wrong_in_file(error)}). It must be a text file, one name "
            "per line."
        ) from error
    names = tuple(line.strip() for line in lines if line.strip())
    if not names:
        raise UsageError(f"--labels {source.labels} has no names. It takes one per line, in the network's order.")
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise UsageError(
            f"--labels {source.labels} has {', '.join(map(repr, twice[:6]))} more than once, so that answers could not "
            "be told apart. Give each class a name of its own."
        )
    return names


def check_labels(name: str, signature: Signature, labels: Sequence[str] | None) -> None:
    """Refuse labels whose number is not that of the classes.

    Raises:
        UsageError: it is not.
    """
    if not labels or len(signature.outputs) != 1 or len(signature.outputs[0].shape) != 2:
        return
    count = signature.outputs[0].shape[1]
    if count != len(labels) and (count, len(labels)) != (1, 2):
        raise UsageError(f"{name} has {count} outputs, but there are {len(labels)} labels.")


def check_label_count(name: str, classes: int | None, labels: Sequence[str] | None, hint: str) -> None:
    """Refuse labels whose number is not that of the classes, where both are known; ``hint`` is on the background.

    Raises:
        UsageError: it is not.
    """
    if labels and classes is not None and classes != len(labels):
        raise UsageError(
            f"{name} has {classes} classes, but there are {len(labels)} labels. --labels takes one name per line, "
            f"{f'{hint}, ' if hint else ''}in the network's order."
        )
