"""Requirements of measuring on devices -> blocks."""

from __future__ import annotations  # the records are only needed in annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.render.blocks import Line, Page
from ca_deploy.render.devices import states

if TYPE_CHECKING:
    from ca_deploy.records.devices import Check


def page(found: Iterable[Check], bundle: Path | None = None) -> Page:
    """Every check and its remedy; ``bundle`` is the file that was written for an offline machine, if any."""
    checks = states("what", [(one.name, one.status, one.detail, one.remedy) for one in found])
    if bundle is None:
        return Page(checks)
    return Page((*checks, Line(f"{bundle} written: ca-deploy profile … --bundle {bundle}", gap=True)))
