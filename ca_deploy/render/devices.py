"""Devices, and what they need, as tables for a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from ca_deploy.doctor import Check
from ca_deploy.records.devices import DeviceSummary

_COLOURS = {"ok": "green", "ready": "green", "missing": "red", "not available": "red", "later": "yellow"}


def devices(found: Sequence[DeviceSummary]) -> None:
    _show("device", [(one.name, one.state, one.detail, one.remedy) for one in found])


def checks(found: Sequence[Check]) -> None:
    _show("what", [(one.name, one.status, one.detail, one.remedy) for one in found])


def _show(heading: str, rows: Sequence[tuple[str, str, str, str]]) -> None:
    """A table of names, states and details; below it, what to do about those that need something."""
    console, table = Console(), Table(box=None, pad_edge=False)
    for title in (heading, "state", ""):
        table.add_column(title, overflow="fold")
    for name, state, detail, _ in rows:
        table.add_row(name, f"[{_COLOURS.get(state, 'yellow')}]{state}[/]", detail)
    console.print(table)
    for name, _, _, remedy in rows:
        if remedy:
            console.print(f"\n{name}: {remedy}", markup=False, highlight=False)
