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
REPORT = CompatReport("nnapi", "API 29", "a.tflite", NODES, KINDS, 3, None, 10, 93.21, accelerated_nodes=1)


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
        ("coreml", "", "", "", f"not checked: {MARKUP}"),
    )
    assert len(page([good, skipped]).blocks) == 2


def test_every_kind_of_finding_with_what_it_costs() -> None:
    assert page([replace(REPORT, notes=(MARKUP,))]).blocks[2:] == (
        Line((Piece("nnapi", Role.STRONG), " (API 29)"), gap=True),
        Line(MARKUP, indent=2),
        Line(
            (Piece("unsupported", Role.BAD), ": 1 x ", Piece("CUSTOM", Role.STRONG), ", costs 1 more partition"),
            indent=2,
        ),
        Line("where [out]", indent=4),
        Line(f"why   {MARKUP}", indent=4),
        Line("by    rule, LiteRT 2.1", indent=4),
        Line(
            (
                Piece("falls back", Role.CAUTION),
                ": 5 x ",
                Piece(MARKUP, Role.STRONG),
                ", costs 2 more partitions, 1,234 kB handed over per inference, 1.2 % of the multiply-adds",
            ),
            indent=2,
        ),
        Line("where features.1, features.2, features.3 and 2 more", indent=4),
        Line("why   no kernel", indent=4),
        Line("do    Write relu6.", indent=4),
        Line("by    measured, LiteRT 2.1", indent=4),
    )


def _shown(done: list[CompatReport]) -> list[str]:
    """The targets with details on a page for which no target was named, and the hint below them."""
    blocks = page(done, asked=False).blocks
    titles = [line.text[0] for line in blocks if isinstance(line, Line) and line.gap and isinstance(line.text, tuple)]
    hints = [block.text for block in blocks if isinstance(block, Hint)]
    return [*(title.text for title in titles if isinstance(title, Piece)), *hints]


def test_without_a_target_the_first_one_with_findings_has_details() -> None:
    good = replace(REPORT, target="xnnpack", nodes=NODES[:1], kinds=(), notes=("needs TFLite 2.0",))
    other = "of another target: --target NAME"
    assert _shown([good, REPORT, replace(REPORT, target="edgetpu")]) == [
        "nnapi", f"details: nnapi (the first target with findings); {other}"
    ]  # fmt: skip
    assert _shown([good, replace(good, target="nnapi")]) == [
        "xnnpack", f"details: xnnpack (the first target: none has findings); {other}"
    ]  # fmt: skip
    assert _shown([REPORT]) == ["nnapi"]


def test_findings_of_one_reason_are_one_entry_whatever_the_operator() -> None:
    nodes = tuple(
        replace(NODES[1], index=n, operator=f"OP{n % 6}", node=f"{n};fused", module="", source=f"file {n}")
        for n in range(8)
    )
    kind = Kind(nodes[0], tuple(range(8)), Cost(0, 240, 0))
    _, _, _, first, where, _, _, by = page([replace(REPORT, nodes=nodes, kinds=(kind,))]).blocks
    assert isinstance(first, Line) and isinstance(first.text, tuple)
    said = "".join(piece.text if isinstance(piece, Piece) else piece for piece in first.text)
    named = "falls back: 2 x OP0, 2 x OP1, 1 x OP2, 1 x OP3 and 2 more"
    assert said == f"{named}, costs 240 bytes handed over per inference"
    assert where == Line("where 0, 1, 2 and 5 more", indent=4)
    assert by == Line("by    measured, file 0; file 1 and 6 more", indent=4)


def test_remedies_that_contradict_each_other_name_their_target() -> None:
    def said(target: str, operator: str, remedy: str, introduces: str = "", recipe: str = "") -> CompatReport:
        node = replace(NODES[1], index=0, operator=operator, remedy=remedy, introduces=(introduces,), recipe=recipe)
        return replace(REPORT, target=target, nodes=(node,), kinds=(Kind(node, (0,), Cost()),))

    def remedies(*done: CompatReport) -> list[str]:
        lines = [block.text for block in page(done).blocks if isinstance(block, Line) and isinstance(block.text, str)]
        return [line[6:] for line in lines if line.startswith("do ")]

    pool, mean = said("xnnpack", "AVERAGE_POOL_2D", "Mean.", "MEAN"), said("nnapi", "MEAN", "Pool.", "AVERAGE_POOL_2D")
    assert remedies(pool, mean) == ["on xnnpack only: Mean.", "on nnapi only: Pool."]
    assert remedies(pool, said("nnapi", "MEAN", "Rescale.")) == ["on xnnpack only: Mean.", "on nnapi only: Rescale."]
    assert remedies(pool, said("nnapi", "SPLIT", "No split.")) == ["Mean.", "No split."]
    assert remedies(pool, replace(pool, target="edgetpu")) == ["Mean.", "Mean."]
    assert remedies(pool, replace(pool, target="edgetpu"), mean)[:2] == ["on xnnpack and edgetpu only: Mean."] * 2
    integer, real = said("edgetpu", "ADD", "INT8.", recipe="a"), said("ios", "MUL", "Float.", recipe="b")
    assert remedies(integer, real) == ["on edgetpu only: INT8.", "on ios only: Float."]
    assert remedies(integer, said("ios", "ADD", "")) == ["INT8."]
    assert remedies(integer, said("ios", "ADD", "No sum.")) == ["INT8.", "No sum."]
    assert remedies(integer) == ["INT8."]
    assert remedies(integer, said("ios", "ADD", "INT8 ends.", recipe="ab")) == ["INT8.", "INT8 ends."]


def test_many_kinds_are_cut_short_and_all_brings_every_node() -> None:
    many = replace(REPORT, kinds=KINDS * 5)
    assert page([many]).blocks[-1] == Hint("and 2 more kinds of findings: see them with --all", indent=2)
    blocks = page([many], all_nodes=True).blocks
    assert not [block for block in blocks if isinstance(block, Hint)]
    assert blocks[-7] == Line((Piece("accelerated", Role.GOOD), " CONV_2D  conv"), indent=2)
    assert blocks[-2] == Line((Piece("falls back", Role.CAUTION), f" {MARKUP}  act5"), indent=2)
