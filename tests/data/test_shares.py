"""How a set is divided: half of few images, a fixed number of many, and what a user insists on."""

import pytest

from ca_deploy.data.shares import held_out_of, too_few_note
from ca_deploy.errors import ImageDataError


@pytest.mark.parametrize(
    ("total", "held_out"),
    [(1, 0), (2, 1), (39, 19), (40, 32), (63, 32), (64, 32), (66, 33), (255, 127), (256, 128), (100_000, 128)],
)
def test_of_few_half_is_held_out_but_enough_for_a_verdict_where_some_are_left(total: int, held_out: int) -> None:
    assert held_out_of(total, 128, None, "images") == held_out


def test_a_set_that_wants_fewer_gets_them() -> None:
    assert [held_out_of(total, 2, None, "images") for total in (3, 4, 100)] == [1, 2, 2]


def test_a_number_that_is_insisted_on_is_held_out_or_refused() -> None:
    assert held_out_of(300, 128, 250, "images") == 250
    with pytest.raises(ImageDataError, match=r"^60 images are too few to hold 64 out.*Give 72 .*or --held-out 52"):
        held_out_of(60, 128, 64, "images")
    with pytest.raises(ImageDataError, match=r"Give 40 or more\.$"):
        held_out_of(30, 128, 32, "images")


def test_too_few_for_a_verdict_are_said_with_how_many_are_needed() -> None:
    assert too_few_note(32, 40, 128, "images") == ""
    assert "Give 40 or more; 256 for the usual 128." in too_few_note(19, 39, 128, "images")
    assert "raise its held_out" in too_few_note(2, 100, 2, "images")
