"""Blocks are plain data."""

import dataclasses

import pytest

from ca_deploy.render.blocks import Line, Page, Piece, Role


def test_blocks_that_say_the_same_are_equal_and_stay_as_they_are() -> None:
    line = Line(("parity ", Piece("pass", Role.GOOD)), indent=2)
    assert Page((line,)) == Page((Line(("parity ", Piece("pass", Role.GOOD)), indent=2),))
    assert line != Line("parity pass", indent=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        line.indent = 4  # type: ignore[misc]
