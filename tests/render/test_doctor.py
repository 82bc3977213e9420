from pathlib import Path

from ca_deploy.records.devices import Check
from ca_deploy.render.blocks import Column, Line, Page, Piece, Role, Table
from ca_deploy.render.doctor import page

FOUND = [Check("adb", "missing", "for phones", "Install it."), Check("QEMU", "later", "fetched on first use")]
TABLE = Table(
    (Column("what"), Column("state"), Column("")),
    (
        ("adb", Piece("missing", Role.BAD), "for phones"),
        ("QEMU", Piece("later", Role.CAUTION), "fetched on first use"),
    ),
)
REMEDY = Line("adb: Install it.", gap=True, wrap=True)


def test_a_table_and_below_it_what_to_do() -> None:
    assert page(FOUND) == Page((TABLE, REMEDY))


def test_the_bundle_that_was_written_comes_last() -> None:
    bundle = Line("[b].tar written: ca-deploy profile … --bundle [b].tar", gap=True)
    assert page(FOUND, Path("[b].tar")) == Page((TABLE, REMEDY, bundle))
