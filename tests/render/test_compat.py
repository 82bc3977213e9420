from dataclasses import replace

from ca_deploy.records.compat import CompatReport, Cost, Evidence, Finding, Kind, Verdict
from ca_deploy.render.blocks import Hint, Line, Piece, Role, Table
from ca_deploy.render.compat import page
from tests.hostile import MARKUP

SOURCE = "LiteRT 2.1"
NODES = (
    Finding(0, "conv", "features.0", "CONV_2D", Verdict.ACCELERATED, Evidence.MEASURED, SOURCE),
    *(
        Finding(
            n,
            f"act{n}",
            f"features.{n}",
            MARKUP,
            Verdict.FALLS_BACK,
            Evidence.MEASURED,
            SOURCE,
            "no kernel",
            "Write relu6.",
        )
        for n in range(1, 6)
    ),
    Finding(6, "[out]", "", "CUSTOM", Verdict.UNSUPPORTED, Evidence.RULE, SOURCE, MARKUP),
)
KINDS = (
    Kind(NODES[6], (6,), Cost(1, 0, 0.04)),
    Kind(NODES[1], (1, 2, 3, 4, 5), Cost(2, 1_234_000, 1.25)),
)
REPORT = CompatReport("nnapi", "API 29", "a.tflite", NODES, KINDS, 3, None, 10, 93.21)


def test_what_each_target_makes_of_the_file() -> None:
    skipped = CompatReport("coreml", "", "a.tflite", skipped=MARKUP)
    good = replace(REPORT, target="xnnpack", nodes=NODES[:1], kinds=(), measured_partitions=1)
    table = page([REPORT, good, skipped]).blocks[0]
    assert isinstance(table, Table)
    assert [(column.heading, column.align) for column in table.columns] == [
        ("target", "left"), ("nodes", "right"), ("multiply-adds", "right"), ("partitions", "right"), ("verdict", "left")
    ]  # fmt: skip
    assert table.rows == (
        ("nnapi", "1/7", "93.2 %", "3", "breaks into 3 pieces"),
        ("xnnpack", "1/1", "93.2 %", "1", "all of it is accelerated, in one piece"),
        ("coreml", "", "", "", MARKUP),
    )
    assert len(page([good, skipped]).blocks) == 1


def test_every_kind_of_finding_with_what_it_costs() -> None:
    assert page([replace(REPORT, notes=(MARKUP,))]).blocks[1:] == (
        Line((Piece("nnapi", Role.STRONG), " (API 29)"), gap=True),
        Line(MARKUP, indent=2),
        Line((Piece("unsupported", Role.BAD), ": 1 x ", Piece("CUSTOM", Role.STRONG), ", costs 1 partition"), indent=2),
        Line("where [out]", indent=4),
        Line(f"why   {MARKUP}", indent=4),
        Line("by    rule, LiteRT 2.1", indent=4),
        Line(
            (
                Piece("falls back", Role.CAUTION),
                ": 5 x ",
                Piece(MARKUP, Role.STRONG),
                ", costs 2 partitions, 1,234 kB crossing, 1.2 % of multiply-adds",
            ),
            indent=2,
        ),
        Line("where features.1, features.2, features.3 and 2 more", indent=4),
        Line("why   no kernel", indent=4),
        Line("do    Write relu6.", indent=4),
        Line("by    measured, LiteRT 2.1", indent=4),
    )


def test_many_kinds_are_cut_short_and_all_brings_every_node() -> None:
    many = replace(REPORT, kinds=KINDS * 5)
    assert page([many]).blocks[-1] == Hint("and 2 more kinds of findings: see them with --all", indent=2)
    blocks = page([many], all_nodes=True).blocks
    assert not [block for block in blocks if isinstance(block, Hint)]
    assert blocks[-7] == Line((Piece("accelerated", Role.GOOD), " CONV_2D  conv"), indent=2)
    assert blocks[-2] == Line((Piece("falls back", Role.CAUTION), f" {MARKUP}  act5"), indent=2)
