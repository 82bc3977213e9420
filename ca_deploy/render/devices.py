"""Devices within reach -> blocks."""

from __future__ import annotations  # the records are only needed in annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ca_deploy.render.blocks import Block, Column, Line, Page, Piece, Role, Table

if TYPE_CHECKING:
    from ca_deploy.records.devices import DeviceSummary

_ROLES = {
    "ok": Role.GOOD,
    "ready": Role.GOOD,
    "missing": Role.BAD,
    "not available": Role.BAD,
    "later": Role.CAUTION,
}


def page(found: Iterable[DeviceSummary]) -> Page:
    """Every device with its state, and below them the remedies."""
    return Page(states("device", [(one.name, one.state, one.detail, one.remedy) for one in found]))


def states(heading: str, rows: Iterable[tuple[str, str, str, str]]) -> tuple[Block, ...]:
    """A table of (name, state, detail, remedy), and one line per remedy that is not empty."""
    rows = tuple(rows)
    table = Table(
        (Column(heading), Column("state"), Column("")),
        tuple((name, Piece(state, _ROLES.get(state, Role.CAUTION)), detail) for name, state, detail, _ in rows),
    )
    return table, *(Line(f"{name}: {remedy}", gap=True, wrap=True) for name, _, _, remedy in rows if remedy)
