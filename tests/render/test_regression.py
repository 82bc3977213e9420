from ca_deploy.records.statistics import Change, PartChange, Regression
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


def test_operators_and_modules_stand_below_their_file() -> None:
    kinds = [PartChange(f"kind {n}", 2.0, 1, 1.0, 1) for n in range(16)]
    operators = (PartChange(MARKUP, 0.0, 0, 3.5, 2), *kinds, PartChange("same", 1.0, 1, 1.0, 1))
    modules = (PartChange("features.0", 8.0, 4, 6.0, 3),)
    change = Change("a.onnx", 1, 34.0, 20.5, 0.603, None, None, False, operators, modules)
    _, file, first, second = page(Regression("M", 5.0, (change,), ())).blocks
    assert file == Line(Piece("a.onnx", Role.STRONG), gap=True)
    assert isinstance(first, Table) and isinstance(second, Table)
    assert first.rows[0] == (MARKUP, "0", "2", "0.000", "3.500", "+3.500", "")
    assert first.rows[-2:] == (
        ("3 others", "3", "3", "5.000", "3.000", "-2.000", "0.600"),
        ("all", "17", "19", "33.000", "20.500", "-12.500", "0.621"),
    )
    assert second.rows == (
        ("features.0", "4", "3", "8.000", "6.000", "-2.000", "0.750"),
        ("all", "4", "3", "8.000", "6.000", "-2.000", "0.750"),
    )
    assert {len(first.columns)} == {len(row) for row in first.rows}
