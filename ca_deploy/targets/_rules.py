"""Targets whose runtime does not run on this machine: rules from their sources and documentation, applied per node.

A ``targets/<name>.toml`` has a ``version`` and ``source``, ``unlisted`` (the reason for rejecting operators without a
rule), and one ``[[rule]]`` per group of operators: ``operators``, ``source``, ``since`` (the first level that supports
them) and ``limits``, each a ``condition`` of :mod:`ca_deploy.targets._limits` with ``values``, ``from`` or ``below``
(the levels to which it applies), ``reason`` and ``remedy``. Each remedy, also those by operator in ``[remedies]``, is a
text or a table as in :class:`ca_deploy.targets._remedies.Remedy`.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any

from ca_deploy.errors import CaDeployError
from ca_deploy.graphs import Graph, Node
from ca_deploy.records.compat import CompatReport, Evidence, Finding, Verdict
from ca_deploy.targets import Request
from ca_deploy.targets._compiled import compiled_for
from ca_deploy.targets._limits import CONDITIONS
from ca_deploy.targets._partitions import assess
from ca_deploy.targets._remedies import NO_REMEDY, Remedy, read_remedy, with_remedy

_ALWAYS = "*"  # a rule for all operators, applied after their own


@dataclass(frozen=True, slots=True)
class Limit:
    """One condition, for levels from ``first`` up to but excluding ``below``; a violation leads to ``verdict``."""

    condition: str
    values: tuple[int | str, ...]
    reason: str
    remedy: Remedy
    verdict: Verdict
    first: int
    below: int

    @property
    def is_of_types(self) -> bool:
        """Whether it limits types, so that to write the operator in another way does not help."""
        return self.condition in ("input_types", "all_input_types", "output_types", "no_integer_weights")

    @property
    def broken(self) -> str:
        """The reason for a verdict: what the target accepts, which this node is not."""
        accepted = self.verdict != Verdict.UNKNOWN and self.condition != "never" and not self.reason.startswith("hint:")
        return f"outside its limits: {self.reason}" if accepted else self.reason


@dataclass(frozen=True, slots=True)
class Rule:
    """Operators that are supported from level ``since`` on, within ``limits``.

    The limits of ``*`` apply too, unless the rule is ``alone``.
    """

    operators: tuple[str, ...]
    source: str
    since: int
    limits: tuple[Limit, ...]
    alone: bool


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one target. ``unlisted`` is the reason for rejecting operators without a rule.

    ``one_piece``: the compiler forms a single partition, so everything after a rejected operator stays on the CPU.
    ``node_units``: QuantizeLinear and DequantizeLinear are placed with the operator they belong to.
    """

    name: str
    version: str
    source: str
    unlisted: str
    remedies: dict[str, Remedy]
    rules: tuple[Rule, ...]
    one_piece: bool
    node_units: bool


def check(request: Request) -> CompatReport:
    """See :class:`ca_deploy.targets.Checker`."""
    rules = load_rules(request.target)
    findings = judge(rules, request.graph, int(request.level or 0))
    level = f", level {request.level}" if request.level else ""
    report = CompatReport(request.target, f"by rule: {rules.version}{level}", request.path.name, findings)
    return assess(report, request.graph)


def judge(rules: RuleSet, graph: Graph, level: int, listed_only: bool = False) -> tuple[Finding, ...]:
    """One finding per node, in graph order. ``listed_only``: an operator without a rule counts as supported."""
    by_operator = {name: rule for rule in rules.rules for name in rule.operators}
    found = [_judge(rules, by_operator, graph, node, level, listed_only) for node in graph.nodes]
    if rules.node_units:
        found = _in_node_units(graph, found)
    return tuple(_in_one_piece(graph, found) if rules.one_piece else found)


def load_rules(name: str) -> RuleSet:
    """The rules of ``targets/<name>.toml``.

    Raises:
        CaDeployError: the file is malformed; lists all errors.
    """
    path = Path(__file__).with_name(f"{name}.toml")
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    wrong = list(_wrong(content))
    if wrong:
        raise CaDeployError(f"The rules in {path.name} are malformed: {'; '.join(wrong)}.")
    return RuleSet(
        name=name,
        version=content["version"],
        source=content["source"],
        unlisted=content["unlisted"],
        remedies={name: read_remedy(entry) for name, entry in content.get("remedies", {}).items()},
        rules=tuple(_rule(entry) for entry in content["rule"]),
        one_piece=content.get("one_piece", False),
        node_units=content.get("node_units", False),
    )


def _rule(entry: dict[str, Any]) -> Rule:
    limits = tuple(
        Limit(
            condition=limit["condition"],
            values=tuple(limit.get("values", ())),
            reason=limit["reason"],
            remedy=read_remedy(limit.get("remedy", "")),
            verdict=Verdict(limit.get("verdict", Verdict.FALLS_BACK)),
            first=limit.get("from", 0),
            below=limit.get("below", 10**9),
        )
        for limit in entry.get("limits", ())
    )
    return Rule(tuple(entry["operators"]), entry["source"], entry.get("since", 0), limits, entry.get("alone", False))


_TOP: dict[str, type] = {"version": str, "source": str, "unlisted": str, "remedies": dict, "rule": list}
_TOP |= {"one_piece": bool, "node_units": bool}
_RULE: dict[str, type] = {"operators": list, "source": str, "since": int, "limits": list, "alone": bool}
_LIMIT: dict[str, type | UnionType] = {
    "condition": str, "values": list, "reason": str, "remedy": str | dict, "verdict": str, "from": int, "below": int
}  # fmt: skip
_VERDICTS = (Verdict.FALLS_BACK, Verdict.UNSUPPORTED, Verdict.UNKNOWN)


def _wrong(content: dict[str, Any]) -> Iterable[str]:
    """All violations of the schema."""
    yield from _wrong_keys("the file", content, _TOP, ("version", "source", "unlisted", "rule"))
    for name, entry in content.get("remedies", {}).items():
        yield from _wrong_remedy(f"the remedy for {name}", entry)
    seen: set[str] = set()
    for rule in content.get("rule", ()):
        where = f"rule {rule.get('operators')}"
        yield from _wrong_keys(where, rule, _RULE, ("operators", "source"))
        for name in rule.get("operators", ()):
            if name in seen:
                yield f"{name} is in two rules"
            seen.add(name)
        for limit in rule.get("limits", ()):
            yield from _wrong_keys(f"a limit of {where}", limit, _LIMIT, ("condition", "reason"))
            if limit.get("condition") not in CONDITIONS:
                yield f"{where} has an unknown condition {limit.get('condition')!r}"
            if limit.get("verdict", Verdict.FALLS_BACK) not in _VERDICTS:
                yield f"{where} has an unknown verdict {limit['verdict']!r}"
            yield from _wrong_remedy(f"a limit of {where}", limit.get("remedy", ""))


def _wrong_keys(
    where: str, entry: dict[str, Any], known: Mapping[str, type | UnionType], needed: tuple[str, ...]
) -> Iterable[str]:
    for key in needed:
        if not entry.get(key):
            yield f"{where} lacks {key}"
    for key, value in entry.items():
        if key not in known or not isinstance(value, known[key]):
            yield f"{where} has a wrong {key}"


def _wrong_remedy(where: str, entry: object) -> Iterable[str]:
    try:
        read_remedy(entry)
    except ValueError as error:
        yield f"{where}: {error}"


def _judge(
    rules: RuleSet, by_operator: dict[str, Rule], graph: Graph, node: Node, level: int, listed_only: bool
) -> Finding:
    rule, always = by_operator.get(node.operator), by_operator.get(_ALWAYS)
    source = rule.source if rule else rules.source
    made = Finding(node.index, node.name, node.module, node.operator, Verdict.ACCELERATED, Evidence.RULE, source)
    remedy = rules.remedies.get(node.operator, NO_REMEDY)
    if rule is None and not listed_only:
        verdict = Verdict.UNSUPPORTED if node.custom else Verdict.FALLS_BACK
        compiled, instead = compiled_for(node.operator)
        if compiled:
            return replace(made, verdict=verdict, reason=compiled, remedy=instead)
        return with_remedy(replace(made, verdict=verdict, reason=rules.unlisted), remedy, graph)
    if rule and rule.since > level > 0:
        reason = f"{node.operator} is supported from level {rule.since} on"
        return with_remedy(replace(made, verdict=Verdict.FALLS_BACK, reason=reason), remedy, graph)
    for sayer in [r for r in (rule, None if rule and rule.alone else always) if r is not None]:
        for limit in sayer.limits:
            kept = (
                CONDITIONS[limit.condition](graph, node, limit.values) if limit.first <= level < limit.below else True
            )
            if kept is None:
                reason = f"the file does not show whether this limit is met: {limit.reason}"
                return replace(made, verdict=Verdict.UNKNOWN, source=sayer.source, reason=reason)
            if not kept:
                found = replace(made, verdict=limit.verdict, source=sayer.source, reason=limit.broken)
                return with_remedy(found, limit.remedy if limit.remedy.text or limit.is_of_types else remedy, graph)
    return made


def _in_node_units(graph: Graph, findings: list[Finding]) -> list[Finding]:
    """QuantizeLinear goes with the producer of its input, DequantizeLinear with the consumers of its output."""
    makers, readers = graph.producers, graph.consumers
    taken = {finding.index for finding in findings if finding.verdict == Verdict.ACCELERATED}
    found = []
    for finding in findings:
        node = graph.nodes[finding.index]
        unit: list[Node] = []
        if node.operator == "QuantizeLinear":
            unit = [makers[node.inputs[0]]] if node.inputs[0] in makers else []
        elif node.operator == "DequantizeLinear":
            unit = readers.get(node.outputs[0], [])
        left = [other for other in unit if other.index not in taken]
        if node.operator in ("QuantizeLinear", "DequantizeLinear") and (left or not unit):
            reason = f"it belongs to {left[0].operator}, which is rejected" if left else "it belongs to no operator"
            finding = with_remedy(replace(finding, verdict=Verdict.FALLS_BACK, reason=reason), NO_REMEDY, graph)
        found.append(finding)
    return found


def _in_one_piece(graph: Graph, findings: list[Finding]) -> list[Finding]:
    """Reject the nodes that depend on a rejected one that itself depends on a supported one."""
    taken, lost = set[int](), set[int]()  # tensors
    found = []
    for finding in findings:
        node = graph.nodes[finding.index]
        behind_lost = any(t in lost for t in node.inputs)
        behind_taken = any(t in taken for t in node.inputs)
        if finding.verdict == Verdict.ACCELERATED and behind_lost:
            reason = "it comes after a rejected operator, and the compiler forms a single partition"
            finding = replace(finding, verdict=Verdict.FALLS_BACK, reason=reason)
        if finding.verdict == Verdict.ACCELERATED:
            taken.update(node.outputs)
        elif behind_lost or behind_taken:
            lost.update(node.outputs)
        found.append(finding)
    return found
