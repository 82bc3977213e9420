"""Which operators of a file run where one thinks, and what it costs where they do not."""

from enum import StrEnum

from ca_deploy.errors import unknown_name
from ca_deploy.records.record import record


class Verdict(StrEnum):
    """What becomes of one node on a target, the worst first. The value is what reports and JSON say."""

    flag: str

    def __new__(cls, value: str, flag: str = "") -> "Verdict":
        member = str.__new__(cls, value)
        member._value_, member.flag = value, flag
        return member

    UNSUPPORTED = "unsupported", "unsupported"
    """The target cannot run a model that has this node, or runs it wrongly."""
    FALLS_BACK = "falls back", "falls-back"
    """The accelerator refuses the node; it runs elsewhere, usually on the CPU."""
    FLOAT_IN_INT8 = "float in an INT8 model", "float"
    """The node runs where it should, but in float between integer ones."""
    UNKNOWN = "unknown", "unknown"
    """Neither the file, nor the runtime, nor a rule says what becomes of the node."""
    ACCELERATED = "accelerated"
    """The accelerator runs the node; the only verdict that is not a finding, and names no flag."""

    @property
    def severity(self) -> int:
        """0 for the worst verdict, more for milder ones."""
        return list(Verdict).index(self)


class Evidence(StrEnum):
    """Where a verdict comes from, the strongest first."""

    MEASURED = "measured"
    """The runtime ran the node, or planned the graph."""
    CHECKER = "runtime's checker"
    """The runtime's own compatibility checker was asked."""
    RULE = "rule"
    """A rule written from the runtime's sources or documentation."""


def verdict_named(name: str) -> Verdict:
    """The verdict that a flag names: ``falls-back``, ``float`` and so on.

    Raises:
        UsageError: there is none of that name.
    """
    flags = {verdict.flag: verdict for verdict in Verdict if verdict.flag}
    if name not in flags:
        raise unknown_name("verdict", name, flags)
    return flags[name]


@record
class Cost:
    """What a node off the accelerator costs, or all those of one kind together.

    ``partitions`` fewer there would be if it were taken; ``bytes_crossing`` is the size of the activations that pass
    between it and accelerated nodes, each inference; ``multiply_adds_percent`` is its share of the model's.
    """

    partitions: int = 0
    bytes_crossing: int = 0
    multiply_adds_percent: float = 0.0


@record
class Finding:
    """The verdict on one node.

    ``module`` is the PyTorch module that it came from ("" where the file does not say). ``source`` says where the
    verdict comes from: the runtime and its version, or the document or source file of a rule.
    ``reason`` and ``remedy`` are "" where there is nothing to say.
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


@record
class Kind:
    """Findings that are alike: ``example`` stands for all of ``indices``, and ``cost`` is that of all together."""

    example: Finding
    indices: tuple[int, ...]
    cost: Cost


@record
class CompatRecord:
    """A report for manifests and machines: counts and findings, without the nodes that there is nothing to say of."""

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


@record
class CompatReport:
    """All nodes of one file on one target; ``kinds`` gathers what is alike among the findings.

    ``partitions`` is the number of accelerated pieces that the verdicts lead to, ``measured_partitions`` what the
    runtime shows for the whole model (None where the target has no runtime here). ``skipped`` says why a target
    could not be asked; then there are no nodes, and it is no pass. ``notes`` are about the file as a whole.
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

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The nodes that are not accelerated, the worst first."""
        found = [node for node in self.nodes if node.verdict != Verdict.ACCELERATED]
        return tuple(sorted(found, key=lambda node: (node.verdict.severity, node.index)))

    @property
    def accelerated_nodes(self) -> int:
        return sum(node.verdict == Verdict.ACCELERATED for node in self.nodes)

    @property
    def verdict(self) -> str:
        """In a few words."""
        if self.skipped:
            return "not checked"
        pieces = self.measured_partitions if self.measured_partitions is not None else self.partitions
        if not self.findings:
            return "all of it is accelerated" + (", in one piece" if pieces == 1 else "")
        if not self.accelerated_nodes:
            return "nothing of it is accelerated" if self.known else "unknown"
        return f"breaks into {pieces} pieces" if pieces is not None and pieces > 1 else "accelerated in part"

    @property
    def known(self) -> bool:
        return any(node.verdict != Verdict.UNKNOWN for node in self.nodes)

    def at_least(self, worst: Verdict) -> tuple[Finding, ...]:
        """The findings that are as bad as ``worst`` or worse."""
        return tuple(f for f in self.findings if f.verdict.severity <= worst.severity)

    def record(self, all_nodes: bool = False) -> CompatRecord:
        """For manifests and machines; ``all_nodes`` takes the accelerated ones along."""
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
        )
