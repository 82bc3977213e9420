"""What the XNNPACK delegate of the installed LiteRT accepts: of each node alone, and of the whole model."""

import re
import textwrap
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ai_edge_litert.interpreter import Interpreter

from ca_deploy.errors import first_line
from ca_deploy.files import sha256_of_bytes
from ca_deploy.graphs import Graph, Node, read, tflite
from ca_deploy.records.compat import CompatReport, Evidence, Finding, Verdict
from ca_deploy.targets import Request
from ca_deploy.targets._advice import Advice, advice_for, load_advice
from ca_deploy.targets._partitions import assess, partitions
from ca_deploy.targets._probe import constant_makers, one_node_model
from ca_deploy.targets._remedies import NO_REMEDY, with_remedy
from ca_deploy.targets._tflite_versions import version_findings

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
    runtime = f"LiteRT {version('ai-edge-litert')}, XNNPACK"
    graph = request.graph
    request.step("partitioning the whole model")
    notes = []
    real: list[set[int]] | None = None
    try:
        real = delegated(request.path.read_bytes(), graph)
    except (RuntimeError, ValueError) as error:
        notes.append(f"{runtime} cannot run the whole model ({_complaint(error)}): its partitions are predicted.")
    probes = probe(tflite.load(request.path), graph, request)
    advice = load_advice("xnnpack")
    findings = tuple(_finding(graph, node, probes[node.index], runtime, advice) for node in graph.nodes)
    taken = {finding.index for finding in findings if probes[finding.index].taken}
    if real is not None:
        notes += _differences(graph, partitions(graph, taken), real)
    findings, too_new = version_findings(graph, findings, request.level)
    report = CompatReport("xnnpack", runtime, request.path.name, findings, notes=(*notes, *too_new))
    return replace(assess(report, graph, taken), measured_partitions=None if real is None else len(real))


def brief(path: Path) -> str:
    """See :class:`ca_deploy.targets.Brief`."""
    graph = read(path)
    pieces = delegated(path.read_bytes(), graph)
    count = f"{sum(map(len, pieces))} of {len(graph.nodes)} operators"
    return f"XNNPACK takes {count}, in {len(pieces)} piece{'s' if len(pieces) != 1 else ''}"


def probe(model: Any, graph: Graph, request: Request) -> list[Probe]:
    """One probe per node, in graph order; nodes of equal content are run once."""
    known: dict[str, Probe] = {}
    makers = constant_makers(graph)
    found: list[Probe] = []
    for node in graph.nodes:
        request.step(f"probing {node.operator} ({node.module or node.name})")
        content = one_node_model(model, graph, node, makers)
        key = sha256_of_bytes(content)
        if key not in known:
            known[key] = _try(content, graph, node)
            quantised = any(tensor.is_quantised for tensor in graph.given_inputs(node))
            if not known[key].taken and quantised and node.operator not in _CONVERSIONS:
                as_float = _try(one_node_model(model, graph, node, makers, as_float=True), graph, node)
                known[key] = replace(known[key], taken_as_float=as_float.taken)
        found.append(known[key])
    consumers = graph.consumers
    for index in sorted(makers, reverse=True):  # the delegate unpacks constants for the nodes that it takes
        readers = [reader for output in graph.nodes[index].outputs for reader in consumers.get(output, ())]
        found[index] = replace(found[index], taken=bool(readers) and all(found[r.index].taken for r in readers))
    return found


def delegated(content: bytes, graph: Graph) -> list[set[int]]:
    """The node indices of each partition that the default delegate forms.

    The interpreter reports only the operands of each DELEGATE node; the partition is what lies between its outputs
    and its inputs.

    Raises:
        RuntimeError, ValueError: the runtime cannot run the model.
    """
    producers = graph.producers
    pieces = []
    for operands, results in _delegates(content):
        waiting, piece = results, set[int]()
        while waiting:
            maker = producers.get(waiting.pop())
            if maker is not None and maker.index not in piece:
                piece.add(maker.index)
                waiting |= set(maker.inputs) - operands
        pieces.append(piece)
    return pieces


def _delegates(content: bytes) -> list[tuple[set[int], set[int]]]:
    """The input and output tensors of each DELEGATE node."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    operators = interpreter._get_ops_details()
    return [(set(o["inputs"].tolist()), set(o["outputs"].tolist())) for o in operators if o["op_name"] == "DELEGATE"]


def _try(content: bytes, graph: Graph, node: Node) -> Probe:
    try:
        delegates = _delegates(content)
    except (RuntimeError, ValueError) as error:
        return Probe(False, _complaint(error))
    return Probe(bool(delegates))


def _complaint(error: Exception) -> str:
    """The runtime's words without the place in its source; it strings complaints on all nodes together."""
    return textwrap.shorten(re.sub(r"^\S+\.cc:\d+ ", "", first_line(error)), 160, placeholder=" …")


def _finding(graph: Graph, node: Node, probe: Probe, runtime: str, advice: tuple[Advice, ...]) -> Finding:
    kind = next((t.dtype for t in graph.data_inputs(node)), "constant")
    if kind == "float32" and any(t.constant and t.is_quantised for t in graph.given_inputs(node)):
        kind = "float32 with integer weights"
    made = Finding(node.index, node.name, node.module, node.operator, Verdict.ACCELERATED, Evidence.MEASURED, runtime)
    if probe.taken:
        if graph.is_integer and kind.startswith("float32") and node.operator not in _CONVERSIONS:
            reason = "delegated, but in float32: it is not quantised"
            remedy = "Write it with operators that the quantizer supports, or leave it in float on purpose."
            return replace(made, verdict=Verdict.FLOAT_IN_INT8, reason=reason, remedy=remedy)
        return made
    if node.custom or "nresolved custom op" in probe.error:
        reason = f"custom operator {node.operator}: the runtime has no kernel of that name"
        remedy = "Register its kernel in the app (OpResolver), or write that part with built-in operators."
        return replace(made, verdict=Verdict.UNSUPPORTED, reason=reason, remedy=remedy)
    said = advice_for(advice, node.operator, kind)
    advised = said.remedy if said else NO_REMEDY
    if probe.error:
        reason = f"the runtime cannot run this node alone: {probe.error}"
        return with_remedy(replace(made, verdict=Verdict.UNKNOWN, reason=reason), advised, graph)
    if probe.taken_as_float:
        reason = f"the delegate accepts this node in float32, but not in {kind}"
    else:
        reason = f"the delegate rejects this node in {kind}" + ("" if probe.taken_as_float is None else " and float32")
    if said:
        reason += f": {said.reason}"
    return with_remedy(replace(made, verdict=Verdict.FALLS_BACK, reason=reason), advised, graph)


def _differences(graph: Graph, predicted: list[list[int]], real: list[set[int]]) -> list[str]:
    """Where the partitions of the whole model differ from those predicted by its nodes alone."""
    if {frozenset(piece) for piece in predicted} == {frozenset(piece) for piece in real}:
        return []
    alone, whole = {i for piece in predicted for i in piece}, {i for piece in real for i in piece}
    lines = [
        f"{graph.nodes[i].name} ({graph.nodes[i].operator}) is {'accepted' if i in alone else 'rejected'} alone and "
        f"{'rejected' if i in alone else 'accepted'} in the whole model."
        for i in sorted(alone ^ whole)
    ]
    return lines or [f"Predicted partitions: {len(predicted)}; formed by the runtime: {len(real)}."]
