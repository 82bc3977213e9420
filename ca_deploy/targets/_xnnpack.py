"""What the XNNPACK delegate of the installed LiteRT accepts: of each node alone, and of the whole model."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ca_deploy.files import sha256_of_bytes
from ca_deploy.graphs import CONTROL_FLOW, Graph, Node, read, tflite
from ca_deploy.records.compat import CompatReport, Evidence, Finding, Verdict
from ca_deploy.targets import Request
from ca_deploy.targets._advice import Advice, advice_for, load_advice
from ca_deploy.targets._compiled import compiled_for
from ca_deploy.targets._detections import detections_note
from ca_deploy.targets._partitions import assess, without_accelerator
from ca_deploy.targets._probe import constant_makers, one_node_model
from ca_deploy.targets._remedies import NO_REMEDY, with_remedy
from ca_deploy.targets._sent_library import sent_whole
from ca_deploy.targets._tflite_versions import INSTALLED, runtime_for, version_findings
from ca_deploy.targets._whole import Whole, complaint, delegated, delegates, installed_whole

_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")


@dataclass(frozen=True, slots=True)
class Probe:
    """Outcome of one node as a standalone model.

    ``taken``: the delegate accepted it. ``error`` is the runtime's message if it could not run at all.
    ``taken_as_float`` is None for a node that was accepted, or is float anyway.
    """

    taken: bool
    error: str = ""
    taken_as_float: bool | None = None


def check(request: Request) -> CompatReport:
    """See :class:`ca_deploy.targets.Checker`."""
    graph, (litert, tflite_level) = request.graph, runtime_for(request.level)
    runtime = f"LiteRT {litert}, XNNPACK"
    whole, refused = _whole(request, "the whole model", installed_whole)
    others: frozenset[int] = frozenset()  # nodes that the installed LiteRT takes, where another one is asked
    if litert != INSTALLED:
        request.step(f"asking LiteRT {litert}")
        others = whole.taken if whole else others
        whole, refused = _whole(request, f"LiteRT {litert}", partial(sent_whole, likely=others))
    taken = None if whole is None else whole.taken
    probes = probe(request, (taken or frozenset()) | others)
    advice = load_advice("xnnpack")
    findings = tuple(
        _newer(node, runtime, litert)
        if taken is not None and node.index in others - taken
        else _finding(graph, node, probes[node.index], runtime, advice, None if taken is None else node.index in taken)
        for node in graph.nodes
    )
    alone = {index for index, one in probes.items() if one.taken}
    findings, notes = version_findings(graph, findings, tflite_level)
    if note := detections_note(graph):
        notes.append(note)
    report = CompatReport("xnnpack", runtime, request.path.name, findings)
    report = assess(report, graph, alone if whole is None else whole.taken)
    if litert != INSTALLED:
        notes.insert(0, f"The library that profile sends to devices was asked; single nodes were tried in {INSTALLED}.")
    if whole is None:
        node_by_node = f"Node by node, XNNPACK would take {len(alone)} of {len(graph.nodes)}."
        notes.insert(0, f"It refuses the whole model: {refused}. {node_by_node}")
        return without_accelerator(replace(report, refused=refused, notes=tuple(notes)))
    return replace(report, measured_partitions=whole.pieces, notes=tuple(notes))


def _whole(request: Request, name: str, ask: Callable[[Path], Whole]) -> tuple[Whole | None, str]:
    """What the runtime makes of the whole model, or why it refuses it."""
    request.step(f"partitioning {name}")
    if ending := request.risk(name):
        return None, f"the process {ending}"
    try:
        return ask(request.path), ""
    except (RuntimeError, ValueError) as error:
        return None, complaint(error)


def _newer(node: Node, runtime: str, litert: str) -> Finding:
    """A node that only the installed LiteRT's delegate takes."""
    reason = f"the delegate of LiteRT {litert} leaves this node to the CPU; that of {INSTALLED} takes it"
    remedy = "Ship a newer LiteRT with the app."
    verdict, evidence = Verdict.FALLS_BACK, Evidence.MEASURED
    return Finding(node.index, node.name, node.module, node.operator, verdict, evidence, runtime, reason, remedy)


def brief(path: Path) -> str:
    """See :class:`ca_deploy.targets.Brief`."""
    pieces = delegated(path)
    count = f"{sum(map(len, pieces))} of {len(read(path).nodes)} operators"
    return f"XNNPACK takes {count}, in {len(pieces)} piece{'s' if len(pieces) != 1 else ''}"


def probe(request: Request, taken: Collection[int]) -> dict[int, Probe]:
    """One probe per node; equal ones are run once, and those that the delegate took in the whole model never."""
    model = tflite.load(request.path)
    found: dict[int, Probe] = {}
    begin = 0
    for subgraph, graph in zip(model.subgraphs, tflite.subgraphs(model, request.path), strict=True):
        found |= _probe_subgraph(request, model, subgraph, graph, begin, taken)
        begin += len(graph.nodes)
    return found


def _probe_subgraph(
    request: Request, model: Any, subgraph: Any, graph: Graph, begin: int, taken: Collection[int]
) -> dict[int, Probe]:
    known: dict[str, Probe] = {}
    makers = constant_makers(graph)
    found: dict[int, Probe] = {}
    for node in graph.nodes:
        index = begin + node.index
        if index in taken or node.operator in CONTROL_FLOW:
            found[index] = Probe(index in taken)
            continue
        request.step(f"probing {node.operator} ({node.module or node.name})")
        content = one_node_model(model, subgraph, graph, node, makers)
        key = sha256_of_bytes(content)
        if key not in known:
            known[key] = _try(request, content)
            quantised = any(tensor.is_quantised for tensor in graph.given_inputs(node))
            if not known[key].taken and quantised and node.operator not in _CONVERSIONS:
                as_float = _try(request, one_node_model(model, subgraph, graph, node, makers, as_float=True))
                known[key] = replace(known[key], taken_as_float=as_float.taken)
        found[index] = known[key]
    consumers = graph.consumers
    for place in sorted(makers - {index - begin for index in taken}, reverse=True):  # unpacked for the nodes it takes
        readers = [reader for output in graph.nodes[place].outputs for reader in consumers.get(output, ())]
        accepted = bool(readers) and all(found[begin + reader.index].taken for reader in readers)
        found[begin + place] = replace(found[begin + place], taken=accepted)
    return found


def _try(request: Request, content: bytes) -> Probe:
    if ending := request.risk(sha256_of_bytes(content)):
        return Probe(False, f"the process {ending}")
    try:
        return Probe(bool(delegates(content)))
    except (RuntimeError, ValueError) as error:
        return Probe(False, complaint(error))


def _finding(
    graph: Graph, node: Node, probe: Probe, runtime: str, advice: tuple[Advice, ...], taken: bool | None
) -> Finding:
    """``taken``: whether the delegate takes the node in the whole model, None where the runtime does not run that."""
    kind = next((t.dtype for t in graph.data_inputs(node)), "constant")
    if kind == "float32" and any(t.constant and t.is_quantised for t in graph.given_inputs(node)):
        kind = "float32 with integer weights"
    made = Finding(node.index, node.name, node.module, node.operator, Verdict.ACCELERATED, Evidence.MEASURED, runtime)
    if taken or (taken is None and probe.taken):
        exempt = node.operator in _CONVERSIONS or node.finds_detections
        if graph.is_integer and kind.startswith("float32") and not exempt:
            reason = "delegated, but in float32: it is not quantised"
            remedy = "Write it with operators that the quantizer supports, or leave it in float on purpose."
            return replace(made, verdict=Verdict.FLOAT_IN_INT8, reason=reason, remedy=remedy)
        return made
    falls_back = replace(made, verdict=Verdict.FALLS_BACK)
    if node.operator in CONTROL_FLOW:
        reason = "control flow: the interpreter runs the subgraphs behind it, which are checked too"
        return replace(falls_back, reason=reason)
    if node.custom and taken is not None:
        return replace(falls_back, reason=f"custom operator {node.operator}, with a kernel of its own on the CPU")
    if node.custom or "nresolved custom op" in probe.error:
        reason = f"custom operator {node.operator}: the runtime has no kernel of that name"
        remedy = "Register its kernel in the app (OpResolver), or write that part with built-in operators."
        compiled, instead = compiled_for(node.operator)
        reason, remedy = compiled or reason, instead or remedy
        return replace(made, verdict=Verdict.UNSUPPORTED, reason=reason, remedy=remedy)
    said = advice_for(advice, node.operator, kind)
    advised = said.remedy if said else NO_REMEDY
    if probe.error and taken is None:
        reason = f"the runtime cannot run this node: {probe.error}"
        return with_remedy(replace(made, verdict=Verdict.UNSUPPORTED, reason=reason), advised, graph)
    if probe.error:
        reason = f"the delegate leaves this node to the CPU; tried alone, it does not run ({probe.error})"
    elif probe.taken:
        reason = "the delegate takes this node alone, but not in this model"
    elif probe.taken_as_float:
        reason = f"the delegate accepts this node in float32, but not in {kind}"
    else:
        reason = f"the delegate rejects this node in {kind}" + ("" if probe.taken_as_float is None else " and float32")
    if said:
        reason += f": {said.reason}"
    return with_remedy(replace(falls_back, reason=reason), advised, graph)
