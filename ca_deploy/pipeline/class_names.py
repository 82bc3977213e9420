"""The names of a classifier's classes, where only the folders of the calibration photos have them."""

from dataclasses import replace
from pathlib import Path

from ca_deploy.data.calibration import load_spec
from ca_deploy.data.class_folders import class_folders
from ca_deploy.errors import ImageDataError
from ca_deploy.networks.source import Network
from ca_deploy.records.model import ModelSource
from ca_deploy.tasks import meaning_of

_SHOWN = 6


def named_by_folders(
    network: Network, source: ModelSource, calibration: str | None, scratch: Path
) -> tuple[Network, ModelSource]:
    """A classifier without labels gets those of a folder ``calibration/<class>/<photo>`` with as many folders.

    Both know the names then, and what is assumed; the source by a file in ``scratch``, for the converter processes.
    """
    if network.labels or not network.task.one_class:
        return network, source
    names = _folders(calibration, network.signature.outputs[0].shape[1])
    if not names:
        clause = "no names of classes (--labels)"
        return replace(network, assumptions=(*network.assumptions, clause)), source
    file = scratch / "labels.txt"
    file.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    meaning = meaning_of(source.task, network.signature, names)
    listed = ", ".join((*names[:_SHOWN], "…") if len(names) > _SHOWN else names)
    clause = f"classes {listed}, as the folders of {Path(calibration or '').resolve().name} in their order (--labels)"
    named = replace(
        network,
        labels=names,
        task=meaning.task,
        task_reason=meaning.reason,
        assumptions=(*network.assumptions, clause),
    )
    return named, replace(source, labels=file)


def _folders(calibration: str | None, classes: int) -> tuple[str, ...]:
    spec = load_spec(calibration) if calibration is not None else None
    if spec is None or spec.folder is None or spec.domain != "own photos":
        return ()
    try:
        names = tuple(class_folders(spec.folder))
    except ImageDataError:  # photos without folders
        return ()
    return names if len(names) == classes > 1 else ()
