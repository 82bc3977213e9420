"""What the summary of every export says of its accelerators: in a second, where ``check`` takes its time."""

from collections.abc import Collection
from pathlib import Path

from ca_deploy.errors import first_line
from ca_deploy.targets import find_target, targets_for


def briefs(path: Path, but: Collection[str] = ()) -> tuple[str, ...]:
    """One clause per target that has something to say of a verified file, except those named in ``but``."""
    said = []
    for name in targets_for(path):
        target, _ = find_target(name)
        if not target.brief or target.missing_packages() or name in {other.partition(":")[0] for other in but}:
            continue
        try:
            said.append(target.load_brief()(path))
        except Exception as error:  # runtimes raise whatever they like, and a verified file is not lost for it
            said.append(f"{name} was not asked ({first_line(error)})")
    return tuple(filter(None, said))
