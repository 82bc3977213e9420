from ca_deploy.records.statistics import Change, Regression
from ca_deploy.render.blocks import Line, Piece, Role, Table
from ca_deploy.render.regression import page
from tests.hostile import MARKUP


def test_each_change_and_where_reports_are_not_quite_comparable() -> None:
    changes = (
        Change(MARKUP, 2, 1.23456, 2.46912, 2.0, 1.9123, 2.1, True),
        Change("b.onnx", 1, 10.0, 10.0, 1.0, None, None, False),
    )
    table, note = page(Regression("ms", 5.0, changes, (MARKUP,))).blocks
    assert isinstance(table, Table)
    assert table.rows == (
        (MARKUP, "2", "1.235 ms", "2.469 ms", "2.000", "1.912 to 2.100", Piece("regression", Role.BAD)),
        ("b.onnx", "1", "10 ms", "10 ms", "1.000", "exact", "ok"),
    )
    assert {len(table.columns)} == {len(row) for row in table.rows}
    assert note == Line((Piece("note", Role.CAUTION), f": {MARKUP}"))
