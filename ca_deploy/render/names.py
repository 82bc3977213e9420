"""Names to choose from -> blocks."""

from collections.abc import Mapping

from ca_deploy.render.blocks import Facts, Page, Piece, Role


def page(title: str, rows: Mapping[str, str]) -> Page:
    """Names with their descriptions, in the order given."""
    return Page((Facts(title, tuple((Piece(name, Role.STRONG), said) for name, said in rows.items())),))
