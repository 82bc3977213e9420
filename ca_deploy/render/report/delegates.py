"""Where each target breaks a file -> strips, and a table of what breaks it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from ca_deploy.errors import listed
from ca_deploy.records.compat import CompatRecord, Finding, Verdict
from ca_deploy.render.blocks import Column, Line, Piece, Role, Table, without_empty
from ca_deploy.render.report.figures import Part, Run, Strip
from ca_deploy.render.roles import VERDICTS

_NAMED = 3
_COLUMNS = (
    Column("nodes", "right"), Column("verdict"), Column("operator"), Column("where"), Column("why"),
    Column("what to do"),
)  # fmt: skip


def summary(found: CompatRecord) -> tuple[str, ...]:
    """Target, nodes that it takes, share of the multiply-adds, pieces, and the verdict."""
    pieces = found.partitions if found.measured_partitions is None else found.measured_partitions
    share = found.accelerated_multiply_adds_percent
    return (
        found.target,
        f"{found.accelerated_nodes} of {found.nodes}" if found.nodes else "",
        "" if share is None else f"{share:.1f}",
        "" if pieces is None else str(pieces),
        f"not checked: {found.skipped}" if found.skipped else found.verdict,
    )


def strip(file: str, found: CompatRecord, named: bool = True) -> Strip | None:
    """The file as the target takes it; None where it was not checked, does not load, or does not break.

    ``named``: each stretch says which nodes it has.
    """
    if found.refused or found.skipped:
        return None
    runs = _runs(found)
    if all(run.verdict is Verdict.ACCELERATED for run in runs):
        return None
    others = sum(run.verdict is not Verdict.ACCELERATED for run in runs)
    said = f"{found.target} takes {found.accelerated_nodes} of {found.nodes} nodes; {others} stretches of others."
    shown = runs if named else [replace(run, said="") for run in runs]
    return Strip(f"{file} on {found.target}: {found.verdict}", said, found.nodes, tuple(shown))


def _runs(found: CompatRecord) -> list[Run]:
    """Nodes without a finding are accelerated: a record leaves those out, unless all were asked for."""
    others = {one.index: one for one in found.findings if one.verdict is not Verdict.ACCELERATED}
    runs: list[tuple[int, int, Verdict, list[Finding]]] = []  # first, end, …
    for index in sorted(number for number in others if 0 <= number < found.nodes):
        one = others[index]
        end = runs[-1][1] if runs else 0
        if index > end:
            runs.append((end, index, Verdict.ACCELERATED, []))
        if runs and runs[-1][1] == index and runs[-1][2] is one.verdict:
            first, _, verdict, members = runs.pop()
            members.append(one)
            runs.append((first, index + 1, verdict, members))
        else:
            runs.append((index, index + 1, one.verdict, [one]))
    if (end := runs[-1][1] if runs else 0) < found.nodes:
        runs.append((end, found.nodes, Verdict.ACCELERATED, []))
    return [
        Run(first, end - first, verdict, _said(first, end, verdict, members)) for first, end, verdict, members in runs
    ]


def _said(first: int, end: int, verdict: Verdict, members: list[Finding]) -> str:
    where = f"node {first}" if end - first == 1 else f"nodes {first} to {end - 1}"
    if not members:
        return f"{where}: {verdict}"
    named = listed(list(dict.fromkeys(one.operator for one in members)), _NAMED)
    place = members[0].module or members[0].node.partition(";")[0]
    return f"{where}, {named} in {place}: {verdict}"


def breaks(found: CompatRecord, most: int) -> Iterator[Part]:
    """What the target does not take: the ``most`` frequent kinds by operator, verdict and reason."""
    if found.refused:
        yield Line((Piece("does not load", Role.BAD), f": {found.refused}"), wrap=True)
    kinds: dict[tuple[Verdict, str, str, str], list[Finding]] = {}
    for one in found.findings:
        if one.verdict is not Verdict.ACCELERATED:
            kinds.setdefault((one.verdict, one.operator, one.reason, one.remedy), []).append(one)
    counts = Counter({kind: len(members) for kind, members in kinds.items()}).most_common()
    rows = []
    for kind, count in counts[:most]:
        verdict, operator, reason, remedy = kind
        where = dict.fromkeys(one.module or one.node.partition(";")[0] for one in kinds[kind])
        rows.append(
            (str(count), Piece(verdict, VERDICTS[verdict]), operator, listed(list(where), _NAMED), reason, remedy)
        )
    if rows:
        left = f"; {len(counts) - len(rows)} more kinds are in `ca-deploy check`" if len(counts) > len(rows) else ""
        yield without_empty(Table(_COLUMNS, tuple(rows), f"what {found.target} does not take ({found.version}){left}"))
    for note in found.notes:
        yield Line(note, wrap=True)
