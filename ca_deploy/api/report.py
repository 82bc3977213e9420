"""``ca_deploy.report``: which of the files in a folder to ship, and everything known of them on one page."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.errors import UsageError
from ca_deploy.progress import Step, no_step

if TYPE_CHECKING:
    from ca_deploy.reporting import Report

WITHIN = 1.0


def report(
    folders: str | Path | Sequence[str | Path],
    *,
    output: str | Path | None = None,
    within: float = WITHIN,
    step: Step = no_step,
) -> "Report":
    """Collect what ``export``, ``evaluate``, ``check``, ``profile``, ``parity``, ``attention`` and ``sweep`` left in
    folders, and recommend a file.

    Args:
        folders: searched with all folders in them, for manifests and for what those commands printed with ``--json``.
        output: a page to write, ``.html`` (it needs nothing else, and no network) or ``.md``; without it, none.
        within: how much of the accuracy, in percentage points, may be given up for a lower cost.
        step: called with the progress in a few words.

    Returns:
        What was found and recommended. ``collection.problems`` names files that are damaged or foreign; they are left
        out.

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`; without any manifest there is nothing to report on.
    """
    named = [folders] if isinstance(folders, str | Path) else folders
    places = [Path(folder) for folder in named]
    page = Path(output) if output is not None else None
    if not places:
        raise UsageError("Name a folder that `ca-deploy export` wrote to.")
    if not 0 <= within <= 100:
        raise UsageError(f"--within {within:g} is not a number of percentage points: pass 0 to 100.")
    from datetime import UTC, datetime
    from importlib.metadata import version

    from ca_deploy.delivery import write_atomically
    from ca_deploy.render.report.document import SUFFIXES, document
    from ca_deploy.reporting import Report
    from ca_deploy.reporting.choose import choices
    from ca_deploy.reporting.collection import collect

    if page is not None and page.suffix not in SUFFIXES:
        said = page.suffix or "no suffix"
        raise UsageError(f"--output {page}: a report is written as {' or '.join(SUFFIXES)}, and this has {said}.")
    step("reading records")
    collection = collect(places)
    today = datetime.now(UTC).date().isoformat()
    made = Report(collection, choices(collection.files, within), today, version("ca-deploy"))
    if page is not None:
        step("writing the page")
        write_atomically(page, document(made, page.suffix))
    return made
