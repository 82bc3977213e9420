"""Compatibility reports: which operators an accelerator runs, and what the others cost."""

from enum import StrEnum

from ca_deploy.errors import unknown_name
from ca_deploy.records.record import record


class Verdict(StrEnum):
    """What happens to one node on a target, worst first. The value is its text in reports and JSON."""

    flag: str

    def __new__(cls, value: str, flag: str = "") -> "Verdict":
        member = str.__new__(cls, value)
        member._value_, member.flag = value, flag
        return member

    UNSUPPORTED = "unsupported", "unsupported"
    """The target cannot run a model with this node, or computes it wrongly."""
    FALLS_BACK = "falls back", "falls-back"
    """The accelerator rejects the node, which runs elsewhere, usually on the CPU."""
    FLOAT_IN_INT8 = "float in an INT8 model", "float"
    """The node is not quantised, and computes in float inside an INT8 model."""
    UNKNOWN = "unknown", "unknown"
    """Neither the file, the runtime nor a rule determines where the node runs."""
    ACCELERATED = "accelerated"
    """The accelerator runs the node. Not a finding, so it has no flag."""

    @property
    def severity(self) -> int:
        """0 for the worst verdict, higher for milder ones."""
        return list(Verdict).index(self)


class Evidence(StrEnum):
    """Where a verdict comes from, strongest first."""

    MEASURED = "measured"
    """The runtime itself, by its partitions or its optimised graph."""
    CHECKER = "runtime's checker"
    """The runtime's own compatibility checker."""
    RULE = "rule"
    """A rule derived from the runtime's source code or documentation."""


def verdict_named(name: str) -> Verdict:
    """The verdict for a value of ``--fail-on``: ``falls-back``, ``float`` and so on.

    Raises:
        UsageError: no verdict has that flag.
    """
    flags = {verdict.flag: verdict for verdict in Verdict if verdict.flag}
    if name not in flags:
        raise unknown_name("verdict", name, flags)
    return flags[name]


@record
class Cost:
    """The cost of a node off the accelerator, or of all nodes of one kind together.

    ``partitions`` is how many fewer there would be if it were accelerated; ``bytes_crossing`` is the size of the
    activations passed between it and accelerated nodes per inference; ``multiply_adds_percent`` is its share of the
    model's.
    """

    partitions: int = 0
    bytes_crossing: int = 0
    multiply_adds_percent: float = 0.0


@record
class Finding:
    """The verdict on one node.

    ``module`` is the PyTorch module it came from, "" where the file does not record it. ``source`` is what the
    verdict rests on: the runtime and its version, or the document or source file of a rule. ``reason`` and
    ``remedy`` may be "". ``introduces`` are the operators that the remedy puts in the node's place, and ``recipe`` is
    the export recipe that carries it out, "" where it takes a change of the network.
    """

    index: int
    node: str
    module: str
    operator: str
    verdict: Verdict
    evidence: Evidence
    source: str
    reason: str = ""
    remedy: str = ""
    cost: Cost = Cost()
    recipe: str = ""
    introduces: tuple[str, ...] = ()


@record
class Kind:
    """Findings of one reason and one remedy: an ``example``, the nodes' ``indices``, and their total ``cost``."""

    example: Finding
    indices: tuple[int, ...]
    cost: Cost


@record
class CompatRecord:
    """A report as it goes into manifests and JSON: counts and findings, by default without accelerated nodes."""

    target: str
    version: str
    verdict: str
    nodes: int
    accelerated_nodes: int
    multiply_adds: int
    accelerated_multiply_adds_percent: float | None
    partitions: int | None
    measured_partitions: int | None
    notes: tuple[str, ...]
    skipped: str
    findings: tuple[Finding, ...]
    file: str = ""
    refused: str = ""


@record
class CompatReport:
    """All nodes of one file on one target; ``kinds`` groups findings of one reason and one remedy.

    ``partitions`` is the number of accelerated partitions predicted from the verdicts, ``measured_partitions`` the
    runtime's own for the whole model (None where the runtime does not run on this machine). ``accelerated_nodes``
    counts those that the accelerator takes, in whatever type. ``refused`` is the runtime's reason not to run the whole
    model; nothing of it is accelerated then, and the verdicts are those on each node alone. ``skipped`` is the reason
    why a target was not checked; there are no nodes then, and the check counts as failed. ``notes`` concern the whole
    file.
    """

    target: str
    version: str
    file: str
    nodes: tuple[Finding, ...] = ()
    kinds: tuple[Kind, ...] = ()
    partitions: int | None = None
    measured_partitions: int | None = None
    multiply_adds: int = 0
    accelerated_multiply_adds_percent: float | None = None
    notes: tuple[str, ...] = ()
    skipped: str = ""
    accelerated_nodes: int = 0
    refused: str = ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The nodes that are not accelerated, worst first."""
        found = [node for node in self.nodes if node.verdict != Verdict.ACCELERATED]
        return tuple(sorted(found, key=lambda node: (node.verdict.severity, node.index)))

    @property
    def verdict(self) -> str:
        """A summary in a few words."""
        if self.skipped:
            return "not checked"
        if self.refused:
            return "does not load"
        pieces = self.measured_partitions if self.measured_partitions is not None else self.partitions
        if not self.findings:
            return "all of it is accelerated" + (", in one piece" if pieces == 1 else "")
        if not self.accelerated_nodes:
            return "nothing of it is accelerated" if self.known else "unknown"
        if self.accelerated_nodes == len(self.nodes) and pieces == 1:
            return f"all of it is accelerated, in one piece, {len(self.findings)} of its nodes in float"
        return f"breaks into {pieces} pieces" if pieces is not None and pieces > 1 else "accelerated in part"

    def members(self, kind: Kind) -> tuple[Finding, ...]:
        """The findings of one of the report's ``kinds``, in graph order."""
        indices = set(kind.indices)
        return tuple(node for node in self.nodes if node.index in indices)

    @property
    def known(self) -> bool:
        return any(node.verdict != Verdict.UNKNOWN for node in self.nodes)

    def at_least(self, worst: Verdict) -> tuple[Finding, ...]:
        """The findings that are as bad as ``worst`` or worse."""
        return tuple(f for f in self.findings if f.verdict.severity <= worst.severity)

    def record(self, all_nodes: bool = False) -> CompatRecord:
        """The report for manifests and JSON; ``all_nodes`` includes the accelerated ones."""
        return CompatRecord(
            target=self.target,
            version=self.version,
            verdict=self.verdict,
            nodes=len(self.nodes),
            accelerated_nodes=self.accelerated_nodes,
            multiply_adds=self.multiply_adds,
            accelerated_multiply_adds_percent=self.accelerated_multiply_adds_percent,
            partitions=self.partitions,
            measured_partitions=self.measured_partitions,
            notes=self.notes,
            skipped=self.skipped,
            findings=self.nodes if all_nodes else self.findings,
            file=self.file,
            refused=self.refused,
        )
