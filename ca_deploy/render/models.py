"""Registered networks with what they cost -> blocks."""

from collections.abc import Sequence

from ca_deploy.records.network_cost import NetworkCost, printed
from ca_deploy.render.blocks import Block, Column, Line, Page, Piece, Role, Table

_COLUMNS = (
    Column("model"),
    Column("width", "right"),
    Column("input", "right"),
    Column("parameters", "right"),
    Column("paper", "right"),
    Column("multiply-adds", "right"),
    Column("paper", "right"),
    Column("paper's top-1", "right"),
)


def page(costs: Sequence[NetworkCost]) -> Page:
    """A row per network and width, then what the paper prints otherwise, and what each network is."""
    table = Table(_COLUMNS, tuple(_row(cost) for cost in costs))
    notes = [f"{cost.name}: {said}" for cost in costs if (said := _note(cost))]
    blocks: list[Block] = [table]
    blocks += (Line(note, gap=number == 0, wrap=True) for number, note in enumerate(notes))
    described = {cost.name: cost.description for cost in costs}
    for number, (name, description) in enumerate(described.items()):
        blocks.append(Line((Piece(name, Role.STRONG), f"  {description}"), gap=number == 0, wrap=True))
    blocks.append(
        Line(
            "Multiply-adds are those of convolutions and matrix products. The paper's figures are of ImageNet; these "
            "networks are untrained, unless their description says otherwise.",
            gap=True,
            wrap=True,
        )
    )
    return Page(tuple(blocks), least_width=110)


def _row(cost: NetworkCost) -> tuple[str | Piece, ...]:
    paper = cost.published
    top1 = paper.top1_percent if paper else None
    return (
        cost.name,
        f"{cost.width:g}",
        f"{cost.input_size}",
        *_pair(cost.parameters, paper.parameters if paper else None, 1e6, 2),
        *_pair(cost.multiply_adds, paper.multiply_adds if paper else None, 1e6, 1),
        f"{top1:.1f} %" if top1 is not None else "",
    )


def _pair(value: int | None, paper: str | None, unit: float, decimals: int) -> tuple[str, str | Piece]:
    """A computed figure, and the printed one, which stands out where it is another."""
    if value is None:
        return "?", paper or ""
    own = f"{value / unit:.{decimals}f}M"
    return own, Piece(paper, Role.CAUTION) if paper and printed(value, paper) != paper else paper or ""


def _note(cost: NetworkCost) -> str:
    if cost.reason:
        return f"not counted: {cost.reason}"
    return cost.published.differs or "" if cost.published else ""
