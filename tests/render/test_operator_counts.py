from dataclasses import replace

from ca_deploy.records.latency import GroupCount, OperatorCounts
from ca_deploy.render.blocks import Line, Table
from ca_deploy.render.operator_counts import operator_counts

COUNTS = OperatorCounts(
    total_instructions=10_000_000,
    outside_instructions=500_000,
    profiler_instructions=2_000_000,
    by_operator=(GroupCount("Conv", 2, 6_500_000, 65.0), GroupCount("Mul [red]", 1, 3_000_000, 30.0)),
    by_module=(GroupCount("features.0", 1, 6_000_000, 60.0), GroupCount("features.1.attention", 2, 3_500_000, 35.0)),
    attention_by_operator=(GroupCount("Mul [red]", 1, 3_000_000, 30.0), GroupCount("Conv", 1, 500_000, 5.0)),
    operators=(),
    source="operators as the profiler names them",
)


def test_operators_and_what_is_outside_of_them_add_up_to_the_whole() -> None:
    operators, attention, modules, source = operator_counts(COUNTS)
    assert isinstance(operators, Table) and isinstance(modules, Table)
    assert operators.rows == (
        ("Conv", "2", "6.500 M", "65.0", "0.500 M"),
        ("Mul [red]", "1", "3.000 M", "30.0", "3.000 M"),
        ("outside of operators", "", "0.500 M", "5.0", ""),
        ("the whole inference", "", "10.000 M", "100.0", "3.500 M"),
    )
    assert attention == Line("attention costs 3.500 M, 35.0 %", indent=2)
    assert modules.rows[1] == ("features.1.attention", "2", "3.500 M", "35.0")
    assert source == Line("operators as the profiler names them; it would have added 2.000 M instructions", indent=2)


def test_many_kinds_are_summed_up_and_none_has_no_column_for_attention() -> None:
    kinds = tuple(GroupCount(f"kind {n}", 1, 100_000, 1.0) for n in range(14))
    operators, modules, _ = operator_counts(replace(COUNTS, by_operator=kinds, attention_by_operator=()))
    assert isinstance(operators, Table) and isinstance(modules, Table)
    assert [row[0] for row in operators.rows[11:]] == [
        "kind 11",
        "2 other kinds",
        "outside of operators",
        "the whole inference",
    ]
    assert operators.rows[12] == ("2 other kinds", "2", "0.200 M", "2.0")
    assert len(operators.columns) == 4
    first, *_ = operator_counts(replace(COUNTS, by_operator=kinds[:13], attention_by_operator=()))
    assert isinstance(first, Table)
    assert first.rows[12][0] == "kind 12"
