"""A report on a folder -> the few blocks that a terminal shows: the answer, and what was left out."""

from pathlib import Path

from ca_deploy.render.blocks import Block, Line, Page, Piece, Role
from ca_deploy.render.report.choice import answer
from ca_deploy.reporting import Report


def page(report: Report, output: Path | None) -> Page:
    """The recommendation of each job with its reasons, and where the page is."""
    blocks: list[Block] = []
    for choice in report.choices:
        said = answer(choice, several=len(report.choices) > 1)
        blocks.append(Line(said.title, gap=bool(blocks)))
        blocks += (Line(reason, indent=2, wrap=True) for reason in said.reasons)
        blocks += (Line((Piece("but", Role.CAUTION), f": {doubt}"), indent=2, wrap=True) for doubt in said.doubts)
        blocks += (Line(f"not {label}: {why}", indent=2, wrap=True) for label, why in choice.rejected.items())
    for problem in report.collection.problems.values():
        blocks.append(Line((Piece("left out", Role.BAD), f": {problem}"), wrap=True))
    if output is not None:
        blocks.append(Line((Piece("written", Role.GOOD), f": {output}"), gap=True))
    return Page(tuple(blocks))
