"""How attention was written -> blocks."""

from collections import Counter
from collections.abc import Iterator, Mapping

from ca_deploy.records.lowering import AS_WRITTEN, LoweredBlock, Lowering
from ca_deploy.render.blocks import Block, Column, Line, Page, Phrase, Piece, Role, Table

_COLUMNS = (
    Column("block"),
    Column("map", "right"),
    Column("gates"),
    Column("written as"),
    Column("saves", "right"),
    Column("error", "right"),
)
_NOTABLE = 0.05e6  # what is printed as 0.1 M


def sentences(found: Lowering) -> Iterator[Phrase]:
    """One sentence on what was rewritten, and one on each kind of place that was not."""
    if found.failure:
        yield Piece("attention as written", Role.CAUTION), f": PyTorch cannot take the network apart ({found.failure})"
    errors = [max(block.proof.error, block.proof.lively_error) for block in found.blocks if block.proof]
    if errors:
        blocks = f"{len(errors)} block{'s' if len(errors) > 1 else ''} of attention"
        yield f"{blocks} written for {found.rules}; proved in float64 to {max(errors):.0e} of the largest value"
    if found.saves is not None:
        less = f"{found.saves / 1e6:.1f} M instructions less than"
        saved = less if found.saves >= _NOTABLE else "as many instructions"
        yield f"attention takes about {saved} as written ({found.measured})"
    for reason, paths in _by_reason([(block.module, block.reason) for block in found.blocks if block.reason]):
        yield Piece("attention as written", Role.CAUTION), f" in {paths}: {reason}"
    for reason, paths in _by_reason([(place.module, place.reason) for place in found.left_alone]):
        yield f"resembles attention, and stays as written: {paths} ({reason})"


def page(found: Mapping[str, Lowering]) -> Page:
    """For each name of rules a table of the blocks, and the places that are left alone."""
    blocks: list[Block] = []
    for name, lowering in found.items():
        blocks.append(Line(Piece(name, Role.STRONG), gap=bool(blocks)))
        if lowering.blocks:
            blocks.append(Table(_COLUMNS, tuple(_row(block) for block in lowering.blocks)))
        else:
            blocks.append(Line("no attention made of averages over rows, columns or whole maps", indent=2))
        blocks += (Line(sentence, indent=2, wrap=True) for sentence in sentences(lowering))
    return Page(tuple(blocks), least_width=120)


def _row(block: LoweredBlock) -> tuple[Phrase, ...]:
    error = f"{max(block.proof.error, block.proof.lively_error):.0e}" if block.proof else ""
    text = "as written" if block.choice == AS_WRITTEN else block.choice.text.replace(",", ", ")
    _, channels, height, width = block.size
    saves = "" if block.saves is None else f"{block.saves / 1e6:.2f} M"
    return block.module or "forward", f"{channels}x{height}x{width}", " and ".join(block.gates), text, saves, error


def _by_reason(places: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for reason in Counter(reason for _, reason in places):
        paths = [module or "its forward" for module, given in places if given == reason]
        more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
        yield reason, f"{', '.join(paths[:3])}{more}"
