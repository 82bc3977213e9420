from ca_deploy.records.devices import DeviceSummary
from ca_deploy.render.blocks import Column, Line, Page, Piece, Role, Table
from ca_deploy.render.devices import page
from tests.hostile import MARKUP


def test_a_table_and_below_it_what_to_do() -> None:
    found = [
        DeviceSummary("local", "ready", "this machine"),
        DeviceSummary(MARKUP, "unauthorized", MARKUP, "Allow it on the phone."),
        DeviceSummary("ssh://pi", "not available", "", MARKUP),
    ]
    assert page(found) == Page(
        (
            Table(
                (Column("device"), Column("state"), Column("")),
                (
                    ("local", Piece("ready", Role.GOOD), "this machine"),
                    (MARKUP, Piece("unauthorized", Role.CAUTION), MARKUP),
                    ("ssh://pi", Piece("not available", Role.BAD), ""),
                ),
            ),
            Line(f"{MARKUP}: Allow it on the phone.", gap=True, wrap=True),
            Line(f"ssh://pi: {MARKUP}", gap=True, wrap=True),
        )
    )
