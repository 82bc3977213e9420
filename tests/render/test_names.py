from ca_deploy.render.blocks import Facts, Page, Piece, Role
from ca_deploy.render.names import page
from tests.hostile import MARKUP


def test_names_stand_out_from_their_descriptions() -> None:
    facts = Facts("Models", ((Piece("a", Role.STRONG), "the first"), (Piece(MARKUP, Role.STRONG), MARKUP)))
    assert page("Models", {"a": "the first", MARKUP: MARKUP}) == Page((facts,))
