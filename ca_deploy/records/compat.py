"""Which operators of a file run where one thinks, and what it costs where they do not."""

from typing import Literal

from ca_deploy.errors import unknown_name
from ca_deploy.records.record import record

Verdict = Literal["accelerated", "falls back", "unsupported", "float in an INT8 model", "unknown"]
Evidence = Literal["measured", "runtime's checker", "rule"]

# From bad to good; a finding is whatever is not "accelerated".
SEVERITY: tuple[Verdict, ...] = ("unsupported", "falls back", "float in an INT8 model", "unknown", "accelerated")


_NAMES: dict[str, Verdict] = {
    "unsupported": "unsupported",
    "falls-back": "falls back",
    "float": "float in an INT8 model",
    "unknown": "unknown",
}


def verdict_named(name: str) -> Verdict:
    """The verdict that a flag names: ``falls-back``, ``float`` and so on.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in _NAMES:
        raise unknown_name("verdict", name, _NAMES)
    return _NAMES[name]


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
        found = [node for node in self.nodes if node.verdict != "accelerated"]
        return tuple(sorted(found, key=lambda node: (SEVERITY.index(node.verdict), node.index)))

    @property
    def accelerated_nodes(self) -> int:
        return sum(node.verdict == "accelerated" for node in self.nodes)

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
        return any(node.verdict != "unknown" for node in self.nodes)

    def at_least(self, worst: Verdict) -> tuple[Finding, ...]:
        """The findings that are as bad as ``worst`` or worse."""
        return tuple(f for f in self.findings if SEVERITY.index(f.verdict) <= SEVERITY.index(worst))

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
        )
